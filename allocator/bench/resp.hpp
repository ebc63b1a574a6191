// RESP2, the protocol of Redis: commands out, replies in.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "bench/http_reader.hpp"  // Reading

namespace gpuhub::bench {

inline constexpr std::size_t resp_bulk_max = 1024 * 1024;
inline constexpr std::size_t resp_items_max = 1024;

// Appends one command to `out`.
void write_command(std::initializer_list<std::string_view> words, std::string& out);

// One reply. Arrays of arrays are not understood: the bench's scripts give none.
struct Reply {
  enum class Kind { text, error, null, array } kind = Kind::null;
  std::string_view text;                // simple string, error, integer or bulk string
  std::vector<std::string_view> items;  // of an array; null items are empty
};

class RespReader {
 public:
  Reading read(std::string_view text);
  const Reply& reply() const { return reply_; }  // after whole; points into the text read
  std::size_t size() const { return size_; }     // bytes that the reply takes

 private:
  Reply reply_;
  std::size_t size_ = 0;
};

}  // namespace gpuhub::bench
