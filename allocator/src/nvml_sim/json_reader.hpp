// Reads JSON objects strictly: every key known, every type and range checked. Keeps the first
// error; later reads are harmless. Of a key given twice the last one counts.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>

namespace gpuhub::nvml_sim {

// Any JSON of at most kMaxFileBytes; else what is wrong with it.
[[nodiscard]] std::expected<boost::json::value, std::string> parse_json(std::string_view text);

class JsonReader {
 public:
  // `where` names the object in messages ("gpus[2]"); `error` is shared by nested readers and
  // keeps the first message. Both are borrowed for the reader's life.
  JsonReader(const boost::json::value& value, std::string where, std::string& error);

  // Refuses keys that are not in the list.
  void only(std::initializer_list<std::string_view> keys);

  // The value of a key. A missing required key or a wrong type or range is an error; the returned
  // value is then the fallback (0, "", false).
  [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t max, bool required);
  [[nodiscard]] std::string text(std::string_view key, bool required);
  [[nodiscard]] bool flag(std::string_view key);
  // Null when the key is missing (an error if required) or no array.
  [[nodiscard]] const boost::json::array* list(std::string_view key, std::size_t max,
                                               bool required);

  [[nodiscard]] const boost::json::object* object() const { return object_; }
  void fail(std::string_view key, std::string_view what);

 private:
  const boost::json::value* find(std::string_view key, bool required);

  const boost::json::object* object_ = nullptr;
  std::string where_;
  std::string& error_;
};

}  // namespace gpuhub::nvml_sim
