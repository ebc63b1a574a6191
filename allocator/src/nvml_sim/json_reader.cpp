#include "nvml_sim/json_reader.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <format>
#include <utility>

#include "nvml_sim/machine.hpp"

namespace gpuhub::nvml_sim {

std::expected<boost::json::value, std::string> parse_json(std::string_view text) {
  if (text.size() > kMaxFileBytes) return std::unexpected("more than 1 MiB");
  boost::system::error_code wrong;
  auto value = boost::json::parse(text, wrong);
  if (wrong) return std::unexpected("not JSON: " + wrong.message());
  return value;
}

JsonReader::JsonReader(const boost::json::value& value, std::string where, std::string& error)
    : object_(value.if_object()), where_(std::move(where)), error_(error) {
  if (object_ == nullptr) fail("", "must be an object");
}

void JsonReader::only(std::initializer_list<std::string_view> keys) {
  if (object_ == nullptr) return;
  for (const auto& [key, value] : *object_) {
    if (std::ranges::find(keys, std::string_view(key)) == keys.end()) fail(key, "is not known");
  }
}

std::uint64_t JsonReader::number(std::string_view key, std::uint64_t max, bool required) {
  const auto* value = find(key, required);
  if (value == nullptr) return 0;
  boost::system::error_code wrong;
  const auto number = value->to_number<std::uint64_t>(wrong);
  if (wrong || value->is_double() || number > max) {
    fail(key, std::format("must be a whole number, 0 to {}", max));
    return 0;
  }
  return number;
}

std::string JsonReader::text(std::string_view key, bool required) {
  const auto* value = find(key, required);
  if (value == nullptr) return {};
  if (!value->is_string() || value->get_string().size() > 256) {
    fail(key, "must be a text of at most 256 bytes");
    return {};
  }
  return std::string(value->get_string());
}

bool JsonReader::flag(std::string_view key) {
  const auto* value = find(key, false);
  if (value == nullptr) return false;
  if (!value->is_bool()) {
    fail(key, "must be true or false");
    return false;
  }
  return value->get_bool();
}

const boost::json::array* JsonReader::list(std::string_view key, std::size_t max, bool required) {
  const auto* value = find(key, required);
  if (value == nullptr) return nullptr;
  const auto* array = value->if_array();
  if (array == nullptr || array->size() > max) {
    fail(key, std::format("must be a list of at most {} entries", max));
    return nullptr;
  }
  return array;
}

void JsonReader::fail(std::string_view key, std::string_view what) {
  if (!error_.empty()) return;
  std::string name = where_;
  if (!name.empty() && !key.empty()) name += '.';
  name += key.substr(0, 64);
  error_ = std::format("{} {}", name.empty() ? "the whole" : name, what);
}

const boost::json::value* JsonReader::find(std::string_view key, bool required) {
  const auto* value = object_ == nullptr ? nullptr : object_->if_contains(key);
  if (value == nullptr && required) fail(key, "is missing");
  return value;
}

}  // namespace gpuhub::nvml_sim
