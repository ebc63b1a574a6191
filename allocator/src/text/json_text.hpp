// A JSON object written by appending to a text: no tree is built, since a row and an answer are
// written for every lease that is granted or ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "text/json_key.hpp"

namespace gpuhub::text {

// Fields come out in the order they are added.
class JsonText {
 public:
  // `about`: bytes to make room for at once.
  explicit JsonText(std::size_t about = 1024) { text_.reserve(about); }

  void text(const JsonKey& key, std::string_view value);
  void member(std::string_view key, std::string_view value);  // a key that is not ours
  void number(const JsonKey& key, std::int64_t value);
  void ratio(const JsonKey& key, double value);  // 0 to 1, with three decimals at most
  void yes_no(const JsonKey& key, bool value);
  void null(const JsonKey& key);
  template <typename Number>
  void number_or_null(const JsonKey& key, const std::optional<Number>& value) {
    value ? number(key, *value) : null(key);
  }
  template <typename Text>
  void text_or_null(const JsonKey& key, const std::optional<Text>& value) {
    value ? text(key, text_of(*value)) : null(key);
  }
  void yes_no_or_null(const JsonKey& key, std::optional<bool> value);
  // Only where there is a value.
  template <typename Number>
  void number_if(const JsonKey& key, const std::optional<Number>& value) {
    if (value) number(key, *value);
  }
  template <typename Text>
  void text_if(const JsonKey& key, const std::optional<Text>& value) {
    if (value) text(key, text_of(*value));
  }

  // What `fill` adds stands in an object of its own.
  template <typename Fill>
  void object(const JsonKey& key, const Fill& fill) {
    begin(key, '{');
    fill();
    end('}');
  }
  // A list: `item(element)` adds one, by the calls below.
  template <typename Range, typename Item>
  void list(const JsonKey& key, const Range& range, const Item& item) {
    begin(key, '[');
    for (const auto& element : range) item(element);
    end(']');
  }
  // A list of what `fill` adds by the calls below.
  template <typename Fill>
  void items(const JsonKey& key, const Fill& fill) {
    begin(key, '[');
    fill();
    end(']');
  }
  template <typename Range>
  void texts(const JsonKey& key, const Range& range) {
    list(key, range, [this](const auto& one) { text_item(text_of(one)); });
  }
  // A list as an element of one.
  template <typename Range, typename Item>
  void list_item(const Range& range, const Item& item) {
    comma();
    open('[');
    for (const auto& element : range) item(element);
    end(']');
  }
  void text_item(std::string_view value);
  void number_item(std::int64_t value);
  template <typename Fill>
  void object_item(const Fill& fill) {
    comma();
    open('{');
    fill();
    end('}');
  }

  std::string finish() &&;

 private:
  // Of a text, of an id, or of an enum (its to_string()).
  template <typename Text>
  static std::string_view text_of(const Text& value) {
    if constexpr (requires { value.str(); }) return value.str();
    else if constexpr (requires { to_string(value); }) return to_string(value);
    else return value;
  }
  void comma() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  void name(const JsonKey& key) {
    text_ += key.str(first_);
    first_ = false;
  }
  void open(char bracket);
  void begin(const JsonKey& key, char bracket);
  void end(char bracket);
  void append_number(std::int64_t value);
  void append_text(std::string_view value);

  std::string text_{"{"};
  bool first_ = true;  // of the object or list that is open
};

}  // namespace gpuhub::text
