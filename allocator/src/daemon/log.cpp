#include "daemon/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <memory>
#include <string>

namespace gpuhub::daemon {
namespace {
bool as_json = false;  // set once, before any thread starts

spdlog::level::level_enum level_of(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::debug: return spdlog::level::debug;
    case config::LogLevel::info: return spdlog::level::info;
    case config::LogLevel::warning: return spdlog::level::warn;
    case config::LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

// A message is one line, whatever a name in it holds.
std::string one_line(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if ((c >= 0 && c < ' ') || c == 127) c = ' ';
  }
  return out;
}
}  // namespace

void start_log(config::LogLevel least, config::LogFormat format) {
  as_json = format == config::LogFormat::json;
  auto logger = std::make_shared<spdlog::logger>("gpu-allocator",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(as_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})"
                              : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(level_of(least));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void log(config::LogLevel level, std::string_view message) {
  const std::string line =
      as_json ? boost::json::serialize(boost::json::string{message}) : one_line(message);
  spdlog::log(level_of(level), spdlog::string_view_t{line.data(), line.size()});
}

}  // namespace gpuhub::daemon
