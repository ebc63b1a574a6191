// A JSON field's name, made ready for writing when compiling. For json_text.hpp.
#pragma once

#include <string_view>

namespace gpuhub::text {

// A field's name as it is written: `,"name":`. Ours, known when compiling, no escape needed.
class JsonKey {
 public:
  consteval JsonKey(const char* name) {  // NOLINT: converts, so that a literal is a key
    append(",\"");
    append(name);
    append("\":");
  }
  // Without its comma, for the first.
  std::string_view str(bool first) const {
    return {text_ + (first ? 1 : 0), size_ - (first ? 1U : 0U)};
  }

 private:
  consteval void append(const char* text) {
    while (*text != 0) text_[size_++] = *text++;
  }
  char text_[28]{};
  unsigned size_ = 0;
};

}  // namespace gpuhub::text
