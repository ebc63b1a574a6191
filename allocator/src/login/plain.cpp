#include "login/plain.hpp"

#include "model/labels.hpp"

namespace gpuhub::login {
namespace {
constexpr std::string_view blank = " \t\r\n\v\f";

// 1..255 bytes of UTF-8 without control characters.
bool is_plain(std::string_view text) { return model::is_user_name(text); }
}  // namespace

std::string home_of(std::string_view text) {
  return std::string{is_plain(text) && text.starts_with('/') ? text : ""};
}

std::string shell_of(std::string_view text) {
  const auto shell = trimmed(text);
  return is_plain(shell) ? shell : "";
}

std::string group_name_of(std::string_view text) {
  return std::string{is_plain(text) && text.find_first_of(":,") == text.npos ? text : ""};
}

bool is_closed_shell(std::string_view shell) {
  const auto name = shell.substr(shell.rfind('/') + 1);
  return name == "nologin" || name == "false";
}

std::string trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(blank);
  if (from == text.npos) return {};
  return std::string{text.substr(from, text.find_last_not_of(blank) - from + 1)};
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace gpuhub::login
