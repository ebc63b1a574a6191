// Base64, in which etcd's gateway writes keys and values.
#pragma once

#include <string>
#include <string_view>

namespace gpuhub::bench {

std::string base64(std::string_view plain);
std::string unbase64(std::string_view text);  // up to the first character that is none of its own

}  // namespace gpuhub::bench
