// Reads HTTP/1.1 answers, as much as the bench's peers send: a length or chunks, keep-alive or not.
// Cheap: no copies but of chunked bodies. What it cannot read is said, never guessed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gpuhub::bench {

inline constexpr std::size_t http_head_max = 64 * 1024;
inline constexpr std::size_t http_body_max = 16 * 1024 * 1024;

struct HttpAnswer {
  int status = 0;
  bool close = false;        // the server closes the connection after it
  std::string_view body;     // into the text read, or the reader's own; until the next read()
  std::size_t size = 0;      // bytes of the text that the answer takes
};

enum class Reading { more, whole, broken };

class HttpReader {
 public:
  // Looks for one answer at the front of `text`. more: come again with all of it and what follows.
  Reading read(std::string_view text);
  const HttpAnswer& answer() const { return answer_; }  // after whole
  const std::string& why() const { return why_; }       // after broken

 private:
  Reading broken(std::string_view why);
  Reading read_chunks(std::string_view text, std::size_t from);

  HttpAnswer answer_;
  std::string chunks_;
  std::string why_;
};

}  // namespace gpuhub::bench
