// The daemon's log, on stderr: text for people, or one JSON object per line. Any thread. Lines of
// level info and debug are written together: by flush_log(), before a warning, and when they are
// many.
#pragma once

#include <string_view>

#include "config/config.hpp"

namespace gpuhub::daemon {

void start_log(config::LogLevel least, config::LogFormat format);
void log(config::LogLevel level, std::string_view message);
bool logs(config::LogLevel level);  // is a line of this level written at all?
void flush_log();

}  // namespace gpuhub::daemon
