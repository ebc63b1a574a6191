// Fields of the engine's JSON, looked up without exceptions. Private to runtime/'s readers.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace gpuhub::runtime {

// nullptr if it is missing or of another type.
inline const boost::json::value* field(const boost::json::value& in, std::string_view key) {
  return in.is_object() ? in.get_object().if_contains(key) : nullptr;
}
inline const boost::json::string* string_field(const boost::json::value& in,
                                               std::string_view key) {
  const boost::json::value* found = field(in, key);
  return found != nullptr ? found->if_string() : nullptr;
}
inline std::optional<std::int64_t> integer_field(const boost::json::value& in,
                                                 std::string_view key) {
  const boost::json::value* found = field(in, key);
  const std::int64_t* number = found != nullptr ? found->if_int64() : nullptr;
  return number != nullptr ? std::optional{*number} : std::nullopt;
}

inline std::unexpected<std::string> lacks(std::string_view what, std::string_view key) {
  return std::unexpected{"the engine's " + std::string{what} + " has no usable " +
                         std::string{key}};
}

}  // namespace gpuhub::runtime
