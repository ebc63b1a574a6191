// Replies recorded from engines 20.10 and 26.1 (data/), and what is made of broken ones.
#include "runtime/docker_json.hpp"

#include <gtest/gtest.h>

#include <map>

#include "recorded.hpp"

namespace gpuhub::runtime {
namespace {

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
  std::string text{event->container.str().substr(0, 2)};
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
  std::string seen;
  std::int64_t last_ms = 0;
  for (const auto& line : recorded_lines("events.txt")) {
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

TEST(DockerJson, ReadsContainersOfEngine26) {
  const std::string ours =
      " gpuhub.base=debootstrap gpuhub.epoch=rec gpuhub.gpus=GPU-1 gpuhub.lease=L-rec-1"
      " gpuhub.mode=exclusive gpuhub.owner=hub/ana/";
  const std::string other = " gpuhub.base=debootstrap";  // the image's
  std::vector<std::string> seen;
  for (const auto& line : recorded_lines("26.1/inspects.jsonl")) {
    seen.push_back(show(read_container(line)));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"crash-stopped restarting" + other,
                                            "created-ours created" + ours,
                                            "created-other created" + other,
                                            "paused-other paused" + other,
                                            "oom-ours exited exit=137 oom" + ours,
                                            "bad-other created" + other,
                                            "crash-stopped exited exit=7" + other}));
  const auto list = [&](const char* name) {
    std::string text;
    const auto containers = read_container_list(recorded(name));
    EXPECT_TRUE(containers) << containers.error();
    for (const auto& one : *containers) text += show(one) + " of " + one.image + "; ";
    return text;
  };
  const std::string image = " of debian:trixie-slim; ";
  EXPECT_EQ(list("26.1/list-running.json"), "crash-stopped restarting" + other + image +
                                                "paused-other paused" + other + image);
  EXPECT_EQ(list("26.1/list-ours.json"),
            "created-ours created" + ours + image + "oom-ours exited" + ours + image);
}

// One life after the other; by the name each container had at its creation.
TEST(DockerJson, ReadsEventsOfEngine26) {
  std::map<model::ContainerId, std::string> names;
  std::map<std::string, std::string> seen;
  for (const auto& line : recorded_lines("26.1/events.jsonl")) {
    const auto event = read_event(line);
    ASSERT_TRUE(event) << event.error() << line;
    constexpr std::string_view before = "\"name\":\"";
    const std::string name = line.substr(line.find(before) + before.size());
    const auto& first =
        names.emplace(event->container, name.substr(0, name.find('"'))).first->second;
    std::string& life = seen[first];
    const std::string said = show(event).substr(3) + ";";
    if (!life.ends_with(";" + said)) life += said;
    EXPECT_EQ(event->labels.contains("gpuhub.lease"), first.ends_with("-ours")) << first;
  }
  const std::string crash = "created;started;died exit=7;started;died exit=7;started;died exit=7;"
                            "started;died exit=7;";
  const std::map<std::string, std::string> expected{
      // exec; pause, unpause; a signal; restart; stop; start; kill; rm
      {"life-ours", "created;started;other;died exit=137;started;other;died exit=137;started;other;"
                    "died exit=137;destroyed;"},
      // a health check; rename; top; update; rm -f
      {"life-other", "created;started;other;died exit=137;destroyed;"},
      {"auto-ours", "created;other;started;died exit=3;destroyed;"},
      {"auto-other", "created;other;started;died exit=4;destroyed;"},
      {"oom-ours", "created;other;started;oom;died exit=137;destroyed;"},
      {"bad-other", "created;destroyed;"},  // a failed start is no event
      {"bad-auto", "created;other;destroyed;"},
      {"created-ours", "created;destroyed;"},
      {"created-other", "created;destroyed;"},
      {"paused-other", "created;started;other;died exit=137;destroyed;"},
      {"crash-stopped", crash + "other;destroyed;"},  // stopped while it waits: no `die`
      {"crash-killed", crash + "destroyed;"},         // killed while it waits: nothing
      {"crash-removed", crash + "destroyed;"},
  };
  EXPECT_EQ(seen, expected);
}

TEST(DockerJson, NamesAndImagesAreFitToBeShown) {
  const auto read = [](const std::string& name, const std::string& image) {
    return read_container_list(R"([{"Id":")" + id_of_a + R"(","State":"running","Labels":{},)" +
                               R"("Names":["/)" + name + R"("],"Image":")" + image + "\"}]");
  };
  const auto odd = read(R"(a\u001b[2J\n\u0000b)", "caf\xc3\xa9 \xe2\x80\xae");
  ASSERT_TRUE(odd) << odd.error();
  EXPECT_EQ(odd->front().name, "a?[2J??b");
  EXPECT_EQ(odd->front().image, "caf??????");
  const auto lengthy = read(std::string(5000, 'n'), std::string(5000, 'i'));
  ASSERT_TRUE(lengthy) << lengthy.error();
  EXPECT_EQ(lengthy->front().name, std::string(shown_max, 'n'));
  EXPECT_EQ(lengthy->front().image, std::string(shown_max, 'i'));
  EXPECT_EQ(read_container_list(R"([{"Id":")" + id_of_a +
                                R"(","State":"running","Labels":{},"Image":7,"Names":[7]}])")
                ->front()
                .image,
            "");
}

TEST(DockerJson, ChoosesAnApiVersionThatBothKnow) {
  const auto api = [](std::string_view newest, std::string_view oldest) {
    const auto version = read_version(R"({"Version":"x","ApiVersion":")" + std::string{newest} +
                                      R"(","MinAPIVersion":")" + std::string{oldest} + R"("})");
    return version ? version->api : version.error();
  };
  EXPECT_EQ(read_version(recorded("version.json"))->api, "1.41");
  EXPECT_EQ(read_version(recorded("version.json"))->engine, "20.10.24+dfsg1");
  EXPECT_EQ(read_version(recorded("26.1/version.json"))->api, "1.45");
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
  EXPECT_EQ(show_can(recorded("26.1/info-cdi.json")), "26.1.5+dfsg1 cdi:2");
  EXPECT_EQ(show_can(recorded("26.1/info-nvidia.json")), "26.1.5+dfsg1 nvidia");
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
