// parse_json(): the text as a document, members named twice refused.
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>

#include <format>
#include <set>
#include <utility>

#include "api/json_reader.hpp"

namespace gpuhub::api {
namespace {
namespace json = boost::json;

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
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

json::parse_options options() {
  json::parse_options out;
  out.max_depth = json_depth_max;
  return out;
}

// Sees every token once.
struct Tokens {
  static constexpr std::size_t max_object_size = std::size_t{1} << 20;
  static constexpr std::size_t max_array_size = std::size_t{1} << 20;
  static constexpr std::size_t max_key_size = 4096;
  static constexpr std::size_t max_string_size = std::size_t{1} << 20;
  using Error = boost::system::error_code;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return true; }
  bool on_object_end(std::size_t, Error&) { return true; }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t, Error&) { return true; }
  bool on_key_part(json::string_view, std::size_t, Error&) { return true; }
  bool on_key(json::string_view, std::size_t, Error&) { return true; }
  bool on_string_part(json::string_view, std::size_t, Error&) { return true; }
  bool on_string(json::string_view, std::size_t, Error&) { return true; }
  bool on_number_part(json::string_view, Error&) { return true; }
  bool on_int64(std::int64_t, json::string_view, Error&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, Error&) { return true; }
  bool on_double(double, json::string_view, Error&) { return true; }
  bool on_bool(bool, Error&) { return true; }
  bool on_null(Error&) { return true; }
  bool on_comment_part(json::string_view, Error&) { return true; }
  bool on_comment(json::string_view, Error&) { return true; }
};

// How many members stand there in all.
struct Members : Tokens {
  std::size_t count = 0;
  bool on_key(json::string_view, std::size_t, Error&) {
    ++count;
    return true;
  }
};

// Remembers the first member that an object has twice.
struct Twice : Tokens {
  struct Level {
    std::set<std::string> keys;  // of an object
    std::string key;             // where we are in it
    bool object = false;
  };
  std::vector<Level> levels;
  std::string text;
  std::optional<std::string> twice;

  std::string pointer() const {
    std::string out;
    for (const Level& level : levels) out += level.object ? "/" + escaped(level.key) : "/-";
    return out;
  }
  bool open(bool object) {
    levels.push_back({{}, {}, object});
    return true;
  }
  bool close() {
    levels.pop_back();
    return true;
  }
  bool on_object_begin(Error&) { return open(true); }
  bool on_object_end(std::size_t, Error&) { return close(); }
  bool on_array_begin(Error&) { return open(false); }
  bool on_array_end(std::size_t, Error&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, Error&) {
    text.append(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, Error&) {
    text.append(part);
    Level& level = levels.back();
    level.key = std::exchange(text, {});
    if (!level.keys.insert(level.key).second && !twice) twice = pointer();
    return true;
  }
};

// The members that a document has once its objects have been made, each name once.
std::size_t distinct_members(const json::value& value) {
  std::size_t count = 0;
  if (const auto* object = value.if_object()) {
    count = object->size();
    for (const auto& [key, member] : *object) count += distinct_members(member);
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) count += distinct_members(element);
  }
  return count;
}

JsonFault not_json(const boost::system::error_code& error, std::size_t at) {
  return {"", std::format("not JSON: {}, at byte {}", error.message(), at)};
}
}  // namespace

std::expected<json::value, JsonFault> parse_json(std::string_view text,
                                                 json::storage_ptr memory) {
  if (text.empty()) return std::unexpected{JsonFault{"", "a JSON body is missing"}};
  boost::system::error_code error;
  json::basic_parser<Members> scan{options()};
  const std::size_t read = scan.write_some(false, text.data(), text.size(), error);
  if (error) return std::unexpected{not_json(error, read)};
  if (read != text.size()) {
    return std::unexpected{JsonFault{"", std::format("not JSON: more follows at byte {}", read)}};
  }
  json::value value = json::parse(text, error, std::move(memory), options());
  if (error) return std::unexpected{not_json(error, 0)};
  if (distinct_members(value) == scan.handler().count) return value;
  json::basic_parser<Twice> find{options()};
  find.write_some(false, text.data(), text.size(), error);
  return std::unexpected{JsonFault{find.handler().twice.value_or(""), "stands there twice"}};
}

}  // namespace gpuhub::api
