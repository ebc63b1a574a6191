// A JSON object read field by field: each field is taken once, and what is left over at the end is
// an error. The first thing that is wrong is kept, with its path; after it every value taken is the
// default, so that reading needs no check per field, only finish(). Private to store/.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace gpuhub::store {

class Fields {
 public:
  // Of `text`, which must be one JSON object.
  explicit Fields(std::string_view text);
  Fields(boost::json::value value, std::string path);

  std::string text(const char* key);
  std::int64_t number(const char* key);
  bool yes_no(const char* key);
  // Null, or not there: nullopt.
  std::optional<std::string> text_or_null(const char* key);
  std::optional<std::int64_t> number_or_null(const char* key);
  std::optional<bool> yes_no_or_null(const char* key);
  std::vector<std::string> texts(const char* key);
  std::vector<std::int64_t> numbers(const char* key);
  // Calls `read` for the object at `key`, or for each object of the array there, and finishes it.
  void object(const char* key, const std::function<void(Fields&)>& read);
  void objects(const char* key, const std::function<void(Fields&)>& read);

  // A text that a parser of model/ understands; `rule` names it in the error.
  template <typename Parse>
  auto parsed(const char* key, Parse parse, const char* rule)
      -> decltype(parse(std::string_view{})) {
    auto value = parse(text(key));
    if (!value) wrong(key, rule);
    return value;
  }
  void wrong(std::string_view key, std::string_view what);
  // Nothing may be left over. The error of this object or of one inside it, if any.
  std::optional<std::string> finish();

 private:
  boost::json::value take(const char* key);
  bool there(const char* key);  // and not null, which is taken
  void absorb(Fields& inner);

  boost::json::object rest_;
  std::string path_;
  std::optional<std::string> error_;
};

}  // namespace gpuhub::store
