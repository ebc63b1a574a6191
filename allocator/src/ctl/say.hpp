// Lines of gpuctl's own, on stderr, "gpuctl: " in front. What comes from elsewhere in them was made
// printable before.
#pragma once

#include <string>

namespace gpuhub::ctl {

void say(const std::string& words);
int fail(const std::string& message);  // returns 1

}  // namespace gpuhub::ctl
