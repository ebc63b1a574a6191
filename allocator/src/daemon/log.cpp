#include "daemon/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
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

// One system call for all the lines of a turn: a line for each request would cost as much as its
// answer. What cannot be written is lost, as with any log.
class Gathering final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ~Gathering() override { flush_(); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    formatter_->format(message, lines_);
    if (lines_.size() >= many) flush_();
  }
  void flush_() override {
    const char* at = lines_.data();
    std::size_t left = lines_.size();
    while (left > 0) {
      const ssize_t written = ::write(STDERR_FILENO, at, left);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;
      at += written;
      left -= static_cast<std::size_t>(written);
    }
    lines_.clear();
  }

 private:
  static constexpr std::size_t many = 16 * 1024;
  spdlog::memory_buf_t lines_;
};

bool is_control(char c) { return (c >= 0 && c < ' ') || c == 127; }
}  // namespace

void start_log(config::LogLevel least, config::LogFormat format) {
  as_json = format == config::LogFormat::json;
  auto logger = std::make_shared<spdlog::logger>("gpu-allocator",
                                                 std::make_shared<Gathering>());
  logger->set_pattern(as_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})"
                              : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                      spdlog::pattern_time_type::utc);
  logger->set_level(level_of(least));
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

void log(config::LogLevel level, std::string_view message) {
  if (!logs(level)) return;
  std::string line;
  if (as_json) {
    line = boost::json::serialize(boost::json::string{message});
    message = line;
  } else if (std::ranges::any_of(message, is_control)) {
    // A message is one line, whatever a name in it holds.
    line = message;
    std::ranges::replace_if(line, is_control, ' ');
    message = line;
  }
  spdlog::log(level_of(level), spdlog::string_view_t{message.data(), message.size()});
}

bool logs(config::LogLevel level) { return spdlog::should_log(level_of(level)); }

void flush_log() { spdlog::default_logger_raw()->flush(); }

}  // namespace gpuhub::daemon
