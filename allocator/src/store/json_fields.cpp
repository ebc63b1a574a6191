#include "store/json_fields.hpp"

#include <format>
#include <utility>

namespace gpuhub::store {
namespace json = boost::json;

Fields::Fields(std::string_view text) {
  boost::system::error_code failed;
  auto value = json::parse(text, failed);
  if (failed) {
    error_ = "not JSON: " + failed.message();
  } else if (!value.is_object()) {
    error_ = "not a JSON object";
  } else {
    rest_ = std::move(value.get_object());
  }
}

Fields::Fields(json::value value, std::string path) : path_(std::move(path)) {
  if (value.is_object()) {
    rest_ = std::move(value.get_object());
  } else {
    error_ = path_ + ": not an object";
  }
}

void Fields::wrong(std::string_view key, std::string_view what) {
  if (error_) return;
  error_ = std::format("{}{}{}: {}", path_, path_.empty() ? "" : ".", key, what);
}

json::value Fields::take(const char* key) {
  const auto at = rest_.find(key);
  if (at == rest_.end()) {
    wrong(key, "missing");
    return nullptr;
  }
  json::value value = std::move(at->value());
  rest_.erase(at);
  return value;
}

std::string Fields::text(const char* key) {
  const auto value = take(key);
  if (!value.is_string()) {
    wrong(key, "not a text");
    return {};
  }
  return std::string{std::string_view{value.get_string()}};
}

std::int64_t Fields::number(const char* key) {
  const auto value = take(key);
  if (!value.is_int64()) wrong(key, "not a whole number");
  return value.is_int64() ? value.get_int64() : 0;
}

bool Fields::yes_no(const char* key) {
  const auto value = take(key);
  if (!value.is_bool()) wrong(key, "neither true nor false");
  return value.is_bool() && value.get_bool();
}

bool Fields::there(const char* key) {
  const auto at = rest_.find(key);
  if (at != rest_.end() && !at->value().is_null()) return true;
  if (at != rest_.end()) rest_.erase(at);
  return false;
}

std::optional<std::string> Fields::text_or_null(const char* key) {
  if (!there(key)) return std::nullopt;
  return text(key);
}

std::optional<std::int64_t> Fields::number_or_null(const char* key) {
  if (!there(key)) return std::nullopt;
  return number(key);
}

std::optional<bool> Fields::yes_no_or_null(const char* key) {
  if (!there(key)) return std::nullopt;
  return yes_no(key);
}

std::vector<std::string> Fields::texts(const char* key) {
  const auto value = take(key);
  std::vector<std::string> found;
  if (!value.is_array()) {
    wrong(key, "not a list");
    return found;
  }
  for (const auto& item : value.get_array()) {
    if (!item.is_string()) {
      wrong(key, "holds something else than texts");
      return found;
    }
    found.emplace_back(std::string_view{item.get_string()});
  }
  return found;
}

std::vector<std::int64_t> Fields::numbers(const char* key) {
  const auto value = take(key);
  std::vector<std::int64_t> found;
  if (!value.is_array()) {
    wrong(key, "not a list");
    return found;
  }
  for (const auto& item : value.get_array()) {
    if (!item.is_int64()) {
      wrong(key, "holds something else than whole numbers");
      return found;
    }
    found.push_back(item.get_int64());
  }
  return found;
}

void Fields::absorb(Fields& inner) {
  auto error = inner.finish();
  if (error && !error_) error_ = std::move(error);
}

void Fields::object(const char* key, const std::function<void(Fields&)>& read) {
  Fields inner{take(key), path_.empty() ? key : path_ + "." + key};
  read(inner);
  absorb(inner);
}

void Fields::objects(const char* key, const std::function<void(Fields&)>& read) {
  auto value = take(key);
  if (!value.is_array()) {
    wrong(key, "not a list");
    return;
  }
  std::size_t index = 0;
  for (auto& item : value.get_array()) {
    Fields inner{std::move(item), std::format("{}{}{}[{}]", path_, path_.empty() ? "" : ".", key,
                                              index++)};
    read(inner);
    absorb(inner);
  }
}

std::optional<std::string> Fields::finish() {
  if (!error_ && !rest_.empty()) {
    wrong(std::string_view{rest_.begin()->key()}, "unknown");
  }
  return std::move(error_);
}

}  // namespace gpuhub::store
