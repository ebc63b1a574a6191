#include "ctl/say.hpp"

#include <print>

namespace gpuhub::ctl {

void say(const std::string& words) { std::println(stderr, "gpuctl: {}", words); }

int fail(const std::string& message) {
  say(message);
  return 1;
}

}  // namespace gpuhub::ctl
