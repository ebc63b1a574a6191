// Template, reader and documentation say the same.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "config/read.hpp"
#include "config/template.hpp"

namespace gpuhub::config {
namespace {

std::string file_text(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream{path}.rdbuf();
  return out.str();
}

std::string faults(std::string_view text) {
  const auto config = read(text, "f");
  std::string out;
  if (!config) {
    for (const Fault& fault : config.error()) out += fault.text() + "\n";
  }
  return out;
}

// Takes the "# " away from each line that holds a key or a table, but for lines `without` matches.
std::string uncommented(const std::string& text, const std::regex& without) {
  static const std::regex hidden{R"(# (\[.*|[a-z_]+ = .*))"};
  std::istringstream lines{text};
  std::string out, line;
  std::smatch match;
  while (std::getline(lines, line)) {
    if (std::regex_search(line, without)) continue;
    if (std::regex_match(line, match, hidden)) line = match[1];
    out += line + "\n";
  }
  return out;
}

std::string with_source_listed(std::string text) {
  return std::regex_replace(text, std::regex{R"(source = "nvml")"}, R"(source = "listed")");
}

TEST(Template, ParsesAsItIs) {
  EXPECT_EQ(faults(make_template({})), "");
  const auto config = read(make_template({.simulate = 3, .admins = {"ana", "bo"}}), "f");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->simulation->gpus, 3);
  EXPECT_EQ(config->hub.admins, (std::vector<std::string>{"ana", "bo"}));
  EXPECT_EQ(make_template({}).find('@'), std::string::npos);
}

TEST(Template, ParsesWithEveryCommentedLineInUse) {
  const std::string text = with_source_listed(make_template({}));
  // One way of TLS at a time; what excludes each other among the rules of who may enter.
  const std::string always = "|allow_all|sign_up";
  for (const std::string without : {"self_signed|behind_proxy|proxies",
                                    "certificate =|key =|behind_proxy|proxies",
                                    "certificate =|key =|self_signed"}) {
    EXPECT_EQ(faults(uncommented(text, std::regex{without + always})), "") << without;
  }
}

TEST(Template, ShowsTheDefaults) {
  const auto shown = read(uncommented(with_source_listed(make_template({})),
                                      std::regex{"certificate =|key =|behind_proxy|proxies|"
                                                 "allow_|sign_up"}), "f");
  ASSERT_TRUE(shown);
  const auto plain = read("", "f");
  EXPECT_EQ(shown->allocator.bind_timeout, plain->allocator.bind_timeout);
  EXPECT_EQ(shown->hub.start_timeout, plain->hub.start_timeout);
  EXPECT_EQ(shown->allocator.history, plain->allocator.history);
  EXPECT_EQ(shown->allocator.show_holders, plain->allocator.show_holders);
  EXPECT_EQ(shown->gpus.capabilities, plain->gpus.capabilities);
  EXPECT_EQ(shown->gpus.foreign, plain->gpus.foreign);
  EXPECT_EQ(shown->gpus.watchers, plain->gpus.watchers);
  EXPECT_EQ(shown->gpus.fault_quiet, plain->gpus.fault_quiet);
  EXPECT_EQ(shown->gpus.ignore_xids, plain->gpus.ignore_xids);
  EXPECT_EQ(shown->queue.enabled, plain->queue.enabled);
  EXPECT_EQ(shown->queue.max, plain->queue.max);
  EXPECT_EQ(shown->queue.timeout, plain->queue.timeout);
  EXPECT_EQ(shown->queue.renew_timeout, plain->queue.renew_timeout);
  EXPECT_EQ(shown->queue.reserve_after, plain->queue.reserve_after);
  EXPECT_EQ(shown->local.enabled, plain->local.enabled);
  EXPECT_EQ(shown->local.group, plain->local.group);
  EXPECT_EQ(shown->notebook.image, plain->notebook.image);
  EXPECT_EQ(shown->notebook.limits.pids, plain->notebook.limits.pids);
  EXPECT_EQ(shown->hub.named_servers, plain->hub.named_servers);
  EXPECT_EQ(shown->auth.failures_per_name, plain->auth.failures_per_name);
  EXPECT_EQ(shown->auth.failures_per_address, plain->auth.failures_per_address);
  EXPECT_EQ(shown->auth.failures_window, plain->auth.failures_window);
  EXPECT_EQ(shown->spawner.kind, plain->spawner.kind);
  EXPECT_EQ(shown->spawner.homes, plain->spawner.homes);
  EXPECT_EQ(shown->spawner.missing_home, plain->spawner.missing_home);
  EXPECT_EQ(shown->idle.enabled, plain->idle.enabled);
  EXPECT_EQ(shown->idle.gpu_limit, plain->idle.gpu_limit);
  EXPECT_EQ(shown->idle.limit, plain->idle.limit);
  EXPECT_EQ(shown->idle.unknown_limit, plain->idle.unknown_limit);
  EXPECT_EQ(shown->idle.keep, plain->idle.keep);
  EXPECT_EQ(shown->idle.keep_max, plain->idle.keep_max);
  EXPECT_EQ(shown->idle.look_every, plain->idle.look_every);
  EXPECT_EQ(shown->idle.sample_every, plain->idle.sample_every);
  EXPECT_EQ(shown->idle.busy_percent, plain->idle.busy_percent);
  EXPECT_EQ(shown->idle.exempt_users, plain->idle.exempt_users);
  EXPECT_EQ(shown->idle.exempt_groups, plain->idle.exempt_groups);
}

TEST(Template, HoldsEveryKey) {
  const std::string text = make_template({.simulate = 1, .admins = {}});
  for (const std::string& key : all_keys()) {
    const std::string last = key.substr(key.rfind('.') + 1);
    const std::regex place{"(^|\n)(# )?(" + last + " = |\\[+" + key + "\\])"};
    EXPECT_TRUE(std::regex_search(text, place)) << key;
  }
}

TEST(Documentation, ExplainsEveryKey) {
  const std::string text = file_text(SOURCE_DIR "/docs/configuration.md");
  ASSERT_FALSE(text.empty());
  for (const std::string& key : all_keys()) {
    EXPECT_NE(text.find("`" + key + "`"), std::string::npos) << key;
  }
}

TEST(Documentation, NamesNoKeyThatIsNotThere) {
  const std::string text = file_text(SOURCE_DIR "/docs/configuration.md");
  const auto keys = all_keys();
  // Each row of a table begins with its key.
  const std::regex row{R"(\n\| `([a-z_.]+)` \|)"};
  for (std::sregex_iterator it{text.begin(), text.end(), row}, end; it != end; ++it) {
    EXPECT_TRUE(keys.contains((*it)[1])) << (*it)[1];
  }
}

}  // namespace
}  // namespace gpuhub::config
