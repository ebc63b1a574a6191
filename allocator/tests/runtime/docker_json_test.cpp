// Replies recorded from an engine 20.10 (data/), and what is made of broken ones.
#include "runtime/docker_json.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace gpuhub::runtime {
namespace {

std::string recorded(const std::string& name) {
  std::ifstream file{DATA_FOLDER + name};
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

const std::string id_of_a(64, 'a');

std::string show(const Read<Container>& container) {
  if (!container) return container.error();
  static constexpr const char* states[] = {"created",  "running", "paused", "restarting",
                                           "removing", "exited",  "dead"};
  std::string text = container->name + " " + states[static_cast<int>(container->state)];
  if (container->exit_code) text += " exit=" + std::to_string(*container->exit_code);
  if (container->oom_killed) text += " oom";
  for (const auto& [key, value] : container->labels) text += " " + key + "=" + value;
  return text;
}

std::string show(const Read<ContainerEvent>& event) {
  if (!event) return event.error();
  static constexpr const char* kinds[] = {"created", "started",   "died",
                                          "oom",     "destroyed", "other"};
  std::string text = event->container.str().substr(0, 2);
  text += std::string{" "} + kinds[static_cast<int>(event->kind)];
  if (event->exit_code) text += " exit=" + std::to_string(*event->exit_code);
  return text;
}

TEST(DockerJson, ReadsContainersAsTheEngineTellsThem) {
  const std::string labels = " gpuhub.gpus=GPU-1 gpuhub.lease=L-rec-1 gpuhub.owner=hub/ana/";
  const auto read = [](const char* name) { return show(read_container(recorded(name))); };
  EXPECT_EQ(read("inspect-created.json"), "rec-created created" + labels);
  EXPECT_EQ(read("inspect-running.json"), "rec-run running" + labels);
  EXPECT_EQ(read("inspect-paused.json"), "rec-run paused" + labels);
  EXPECT_EQ(read("inspect-exited.json"), "rec-run exited exit=137" + labels);
  EXPECT_EQ(read("inspect-oom.json"), "rec-oom exited exit=137 oom" + labels);
}

TEST(DockerJson, ReadsTheList) {
  const auto list = read_container_list(recorded("list.json"));
  ASSERT_TRUE(list) << list.error();
  ASSERT_EQ(list->size(), 3U);
  EXPECT_TRUE(show((*list)[0]).starts_with("rec-oom exited gpuhub.gpus=GPU-1"));
  EXPECT_TRUE(show((*list)[1]).starts_with("rec-run running gpuhub.gpus=GPU-1"));
  EXPECT_TRUE(show((*list)[2]).starts_with("rec-created created gpuhub.gpus=GPU-1"));
  EXPECT_TRUE(read_container_list("[]")->empty());
}

TEST(DockerJson, ReadsEvents) {
  std::ifstream file{DATA_FOLDER "events.txt"};
  std::string seen;
  std::int64_t last_ms = 0;
  for (std::string line; std::getline(file, line);) {
    const auto event = read_event(line);
    seen += show(event) + "; ";
    ASSERT_TRUE(event);
    EXPECT_EQ(event->labels.size(), 3U);
    EXPECT_GE(event->at.ms, last_ms);
    last_ms = event->at.ms;
  }
  EXPECT_EQ(last_ms, 1795481516372);
  EXPECT_EQ(seen,
            "c6 created; 98 created; 98 started; cc created; cc started; cc died exit=3; "
            "cc destroyed; 21 created; 21 started; 21 oom; 98 other; 21 died exit=137; 98 other; "
            "98 other; 98 died exit=137; 98 started; 98 other; 98 other; 98 died exit=137; "
            "21 destroyed; c6 destroyed; 98 destroyed; ");
}

TEST(DockerJson, ChoosesAnApiVersionThatBothKnow) {
  const auto api = [](std::string_view newest, std::string_view oldest) {
    const auto version = read_version(R"({"Version":"x","ApiVersion":")" + std::string{newest} +
                                      R"(","MinAPIVersion":")" + std::string{oldest} + R"("})");
    return version ? version->api : version.error();
  };
  EXPECT_EQ(read_version(recorded("version.json"))->api, "1.41");
  EXPECT_EQ(read_version(recorded("version.json"))->engine, "20.10.24+dfsg1");
  EXPECT_EQ(api("1.45", "1.24"), "1.45");
  EXPECT_EQ(api("1.52", "1.44"), "1.47");
  EXPECT_EQ(api("1.60", "1.50"), "1.50");
  EXPECT_EQ(api("1.47", ""), "1.47");
  EXPECT_TRUE(api("1.39", "1.12").contains("too old"));
  EXPECT_TRUE(api("1.x", "1.12").contains("ApiVersion"));
  EXPECT_TRUE(api("99999999999.1", "").contains("ApiVersion"));
}

TEST(DockerJson, TellsWhatTheEngineCanDoWithGpus) {
  const auto show_can = [](const std::string& json) {
    const auto can = read_capabilities(json);
    if (!can) return can.error();
    std::string text = can->engine_version;
    if (can->cdi) text += " cdi:" + std::to_string(can->cdi_spec_dirs.size());
    if (can->nvidia_runtime) text += " nvidia";
    return text;
  };
  EXPECT_EQ(show_can(recorded("info.json")), "20.10.24+dfsg1");
  EXPECT_EQ(show_can(R"({"ServerVersion":"28","CDISpecDirs":["/etc/cdi","/var/run/cdi"],
                         "Runtimes":{"nvidia":{"path":"x"},"runc":{}}})"),
            "28 cdi:2 nvidia");
  EXPECT_EQ(show_can(R"({"ServerVersion":"25","CDISpecDirs":[],"Runtimes":null})"), "25");
  EXPECT_EQ(show_can(R"({"ServerVersion":"25","CDISpecDirs":null})"), "25");
  EXPECT_EQ(show_can(R"({"ServerVersion":"25","CDISpecDirs":"/etc/cdi"})"),
            "the engine's info has no usable CDISpecDirs");
  EXPECT_EQ(show_can("{}"), "the engine's info has no usable ServerVersion");
}

TEST(DockerJson, NothingIsGuessed) {
  const std::string good = R"({"Id":")" + id_of_a +
                           R"(","Name":"/n","State":{"Status":"exited","ExitCode":1},
                              "Config":{"Labels":{"gpuhub.lease":"L-1","x":1}}})";
  EXPECT_EQ(show(read_container(good)), "n exited exit=1 gpuhub.lease=L-1");
  const auto with = [&](std::string_view old, std::string_view replacement) {
    std::string text = good;
    text.replace(text.find(old), old.size(), replacement);
    return show(read_container(text));
  };
  EXPECT_EQ(with("exited", "sleeping"), "the engine names an unknown container state");
  EXPECT_EQ(with("\"exited\"", "5"), "the engine's container has no usable State.Status");
  EXPECT_EQ(with("aaa", "AAA"), "the engine's container has no usable Id");
  EXPECT_EQ(with("ExitCode", "Exit"), "the engine's container has no usable State.ExitCode");
  EXPECT_EQ(with(":1}", ":1e99}"), "the engine's container has no usable State.ExitCode");
  EXPECT_EQ(with("\"L-1\"", "[]"), "the engine's container has no usable Config.Labels");
  EXPECT_EQ(with("L-1", std::string(label_value_max + 1, 'x')),
            "the engine's container has no usable Config.Labels");
  EXPECT_EQ(with("Labels", "Label"), "the engine's container has no usable Config.Labels");
  EXPECT_TRUE(show(read_container("")).contains("not JSON"));
  EXPECT_TRUE(show(read_container(good.substr(0, 100))).contains("not JSON"));
  EXPECT_TRUE(show(read_container(std::string(100, '['))).contains("not JSON"));
  EXPECT_TRUE(show(read_container("[]")).contains("Id"));

  EXPECT_FALSE(read_container_list("{}"));
  EXPECT_FALSE(read_container_list("[{}]"));
  EXPECT_FALSE(read_container_list(R"([{"Id":")" + id_of_a + R"(","State":"up","Labels":{}}])"));
  EXPECT_TRUE(read_container_list(R"([{"Id":")" + id_of_a +
                                  R"(","State":"removing","Labels":null,"Names":null}])"));
}

TEST(DockerJson, AnEventIsToldWithWhatIsKnown) {
  const auto event = [](std::string_view action, std::string_view attributes) {
    return show(read_event(R"({"Action":")" + std::string{action} + R"(","Actor":{"ID":")" +
                           id_of_a + R"(","Attributes":)" + std::string{attributes} +
                           R"(},"timeNano":1000000})"));
  };
  EXPECT_EQ(event("die", R"({"exitCode":"3"})"), "aa died exit=3");
  EXPECT_EQ(event("die", R"({"exitCode":"3x"})"), "aa died");
  EXPECT_EQ(event("die", R"({"gpuhub.lease":7})"), "aa died");
  EXPECT_EQ(event("start", R"({"exitCode":"3"})"), "aa started");
  EXPECT_EQ(event("health_status: healthy", "{}"), "aa other");
  EXPECT_TRUE(show(read_event(R"({"Action":"die","Actor":{"ID":"x"}})")).contains("ID"));
  EXPECT_TRUE(show(read_event(R"({"status":"die"})")).contains("Action"));
}

TEST(DockerJson, ErrorsAreOneLine) {
  EXPECT_EQ(read_error_message(recorded("no_such_container.json")), "No such container: nonesuch");
  EXPECT_EQ(read_error_message("oh\x1b[31m\nno"), "oh [31m no");
  EXPECT_EQ(read_error_message(std::string(5000, 'x')).size(), 300U);
}

}  // namespace
}  // namespace gpuhub::runtime
