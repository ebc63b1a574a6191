// The daemon's log, on stderr: text for people, or one JSON object per line. Any thread.
#pragma once

#include <string_view>

#include "config/config.hpp"

namespace gpuhub::daemon {

void start_log(config::LogLevel least, config::LogFormat format);
void log(config::LogLevel level, std::string_view message);

}  // namespace gpuhub::daemon
