// What the hub asks: one line of JSON, read strictly. And what names and passwords may be at all.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace gpuhub::login {

inline constexpr std::size_t line_max = 8 * 1024;      // bytes of a request, its end included
inline constexpr std::size_t password_max = 1024;      // bytes

// Overwrites the text, also if the compiler believes that nobody reads it again.
void wipe(std::string& text);

enum class Op {
  check,  // is this name's password right, and may he enter?
  look,   // who is he, and may he still enter? No password
  ping,   // does the helper answer, and can it read what it needs?
};

struct Request {
  Op op = Op::ping;
  std::string name = {};      // of check and look
  std::string password = {};  // of check

  Request() = default;
  Request(Request&&) = default;
  Request& operator=(Request&&) = default;
  ~Request() { wipe(password); }
};

// `line` without its end. Error: what is wrong with it, never what stands in it.
std::expected<Request, std::string> read_request(std::string_view line);

// 1..64 letters, digits and `_.@-`, the first a letter, a digit or `_`: the hub's names.
bool is_name(std::string_view text);

// False for what no password of anybody is: empty, blank, over password_max, or with a NUL, where C
// would see its end. PAM is not asked about it.
bool is_password(std::string_view text);

}  // namespace gpuhub::login
