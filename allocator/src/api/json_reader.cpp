#include "api/json_reader.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <format>
#include <set>

#include "model/assert.hpp"

namespace gpuhub::api {
namespace {
namespace json = boost::json;

std::string kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "true or false";
    case json::kind::int64:
    case json::kind::uint64: return "a whole number";
    case json::kind::double_: return "a number with a fraction or exponent";
    case json::kind::string: return "a string";
    case json::kind::array: return "an array";
    case json::kind::object: return "an object";
  }
  GPUHUB_ASSERT(!"a kind of JSON value without a name");
  return {};
}

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key.substr(0, 64)) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}
}  // namespace

Object::Object(const json::value& value, std::string pointer, JsonFaults& faults)
    : object_(value.if_object()), pointer_(std::move(pointer)), faults_(&faults) {
  if (object_ == nullptr) note(pointer_, "expected an object, not " + kind_of(value));
}

bool Object::has(std::string_view key) const {
  return object_ != nullptr && object_->contains(key);
}

std::string Object::at(std::string_view key) const { return pointer_ + "/" + escaped(key); }

void Object::note(std::string pointer, std::string what) {
  if (faults_->size() < faults_max) faults_->push_back({std::move(pointer), std::move(what)});
}

void Object::fault(std::string_view key, std::string what) {
  note(key.empty() ? pointer_ : at(key), std::move(what));
}

const json::value* Object::get(std::string_view key, Need need) {
  known_.push_back(key);
  if (object_ == nullptr) return nullptr;
  const json::value* value = object_->if_contains(key);
  if (value == nullptr && need == Need::required) note(at(key), "missing");
  return value;
}

std::optional<std::string> Object::text(std::string_view key, Need need, const Rule& rule) {
  const json::value* value = get(key, need);
  if (value == nullptr) return std::nullopt;
  const json::string* text = value->if_string();
  if (text == nullptr) {
    note(at(key), "expected a string, not " + kind_of(*value));
  } else if (!rule.good(*text)) {
    note(at(key), std::format("not allowed; allowed: {}", rule.allowed));
  } else {
    return std::string{*text};
  }
  return std::nullopt;
}

const json::array* Object::array(std::string_view key, Need need) {
  const json::value* value = get(key, need);
  if (value == nullptr) return nullptr;
  const json::array* array = value->if_array();
  if (array == nullptr) {
    note(at(key), "expected an array, not " + kind_of(*value));
  } else if (array->size() > array_max) {
    note(at(key), std::format("{} elements; allowed: up to {}", array->size(), array_max));
  } else {
    return array;
  }
  return nullptr;
}

std::optional<std::vector<std::string>> Object::texts(std::string_view key, Need need,
                                                      const Rule& rule) {
  const json::array* elements = array(key, need);
  if (elements == nullptr) return std::nullopt;
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const json::string* text = (*elements)[i].if_string();
    const std::string here = std::format("{}/{}", at(key), i);
    if (text == nullptr) {
      note(here, "expected a string, not " + kind_of((*elements)[i]));
    } else if (!rule.good(*text)) {
      note(here, std::format("not allowed; allowed: {}", rule.allowed));
    } else if (!seen.insert(*text).second) {
      note(here, "stands there twice");
    } else {
      out.emplace_back(*text);
    }
  }
  if (out.size() != elements->size()) return std::nullopt;
  return out;
}

std::optional<int> Object::integer(std::string_view key, Need need, int least, int most) {
  const json::value* value = get(key, need);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto number = value->is_number() && !value->is_double()
                          ? std::optional{value->to_number<std::int64_t>(error)}
                          : std::nullopt;
  if (number && !error && *number >= least && *number <= most) return static_cast<int>(*number);
  note(at(key), number ? std::format("out of range; allowed: {} to {}", least, most)
                       : "expected a whole number, not " + kind_of(*value));
  return std::nullopt;
}

std::optional<std::vector<int>> Object::integers(std::string_view key, Need need, int least,
                                                 int most) {
  const json::array* elements = array(key, need);
  if (elements == nullptr) return std::nullopt;
  std::vector<int> out;
  std::set<std::int64_t> seen;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const std::int64_t* number = (*elements)[i].if_int64();
    const std::string here = std::format("{}/{}", at(key), i);
    if (number == nullptr || *number < least || *number > most) {
      note(here, std::format("expected a whole number from {} to {}", least, most));
    } else if (!seen.insert(*number).second) {
      note(here, "stands there twice");
    } else {
      out.push_back(static_cast<int>(*number));
    }
  }
  if (out.size() != elements->size()) return std::nullopt;
  return out;
}

std::optional<bool> Object::yes_no(std::string_view key) {
  const auto* value = get(key, Need::optional);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  note(at(key), "expected true or false");
  return std::nullopt;
}

bool Object::truth(std::string_view key) {
  const json::value* value = get(key, Need::optional);
  if (value == nullptr) return false;
  if (value->is_bool() && value->get_bool()) return true;
  note(at(key), "expected true, or leave it out");
  return false;
}

std::optional<Object> Object::object(std::string_view key, Need need) {
  const json::value* value = get(key, need);
  if (value == nullptr) return std::nullopt;
  return Object{*value, at(key), *faults_};
}

bool Object::objects(std::string_view key, Need need, const std::function<void(Object&)>& each) {
  const json::array* elements = array(key, need);
  if (elements == nullptr) return false;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    Object one{(*elements)[i], std::format("{}/{}", at(key), i), *faults_};
    each(one);
    one.finish();
  }
  return true;
}

void Object::finish() {
  if (object_ == nullptr) return;
  for (const auto& member : *object_) {
    if (std::ranges::contains(known_, std::string_view{member.key()})) continue;
    std::string allowed;
    for (const auto name : std::set(known_.begin(), known_.end())) {
      allowed += (allowed.empty() ? "" : ", ") + std::string{name};
    }
    note(at(member.key()), "unknown field; allowed: " + allowed);
  }
}

}  // namespace gpuhub::api
