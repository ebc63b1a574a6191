// Strict reading of JSON: duplicate and unknown members, wrong types and values out of range are
// refused, each named by a JSON pointer, all of them at once.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/json/value.hpp>

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuhub::api {

inline constexpr std::size_t json_depth_max = 16;
inline constexpr std::size_t array_max = 16'384;  // elements of one array in a request
inline constexpr std::size_t faults_max = 32;   // told at once

struct JsonFault {
  std::string pointer;  // RFC 6901; "" is the whole document
  std::string what;
};
using JsonFaults = std::vector<JsonFault>;

// One JSON value and nothing after it. Refuses members named twice: another reader of the same
// bytes might take the other one. The value's memory comes from `memory`, which must outlive it.
std::expected<boost::json::value, JsonFault> parse_json(std::string_view text,
                                                        boost::json::storage_ptr memory = {});

enum class Need { required, optional };
struct Rule {
  bool (*good)(std::string_view);
  std::string_view allowed;
};

// One object being read; each getter marks its member as known. nullopt: absent or wrong (noted).
// Keys must outlive the object: they are literals.
class Object {
 public:
  Object(const boost::json::value& value, std::string pointer, JsonFaults& faults);

  bool has(std::string_view key) const;
  std::optional<std::string> text(std::string_view key, Need need, const Rule& rule);
  std::optional<std::vector<std::string>> texts(std::string_view key, Need need, const Rule& rule);
  std::optional<int> integer(std::string_view key, Need need, int least, int most);
  std::optional<std::vector<int>> integers(std::string_view key, Need need, int least, int most);
  std::optional<bool> yes_no(std::string_view key);  // never required
  // Only `true` is allowed.
  bool truth(std::string_view key);
  // nullopt if absent; an object that is none is noted and read as an empty one.
  std::optional<Object> object(std::string_view key, Need need);
  // Calls `each` for every element; notes those that are no objects.
  bool objects(std::string_view key, Need need, const std::function<void(Object&)>& each);

  // Notes that `key` (the object itself if empty) is wrong.
  void fault(std::string_view key, std::string what);
  void finish();  // notes every member that nobody asked for

 private:
  const boost::json::value* get(std::string_view key, Need need);
  const boost::json::array* array(std::string_view key, Need need);
  std::string at(std::string_view key) const;
  void note(std::string pointer, std::string what);

  const boost::json::object* object_;  // null: it was no object
  std::string pointer_;
  JsonFaults* faults_;
  boost::container::small_vector<std::string_view, 8> known_;
};

}  // namespace gpuhub::api
