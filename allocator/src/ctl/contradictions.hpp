// Which options of `docker run` would give a container other GPUs than its lease, or take its lease
// from it. Pure. It keeps people from mistakes, not from evil: who may call docker may do anything.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gpuhub::ctl {

// What to do instead of `--NAME VALUE` under a lease; nullopt if it is in no one's way.
std::optional<std::string> contradiction(std::string_view name, std::string_view value);

}  // namespace gpuhub::ctl
