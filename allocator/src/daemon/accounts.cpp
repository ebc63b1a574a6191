#include "daemon/accounts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <format>

namespace gpuhub::daemon {
namespace {

constexpr std::size_t fields_of_a_line = 7;  // name:password:uid:gid:gecos:home:shell

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

// Name and uid of one line; nullopt if it is none of passwd's.
struct Entry {
  std::string_view name;
  std::uint32_t uid;
};
std::optional<Entry> entry_of(std::string_view line) {
  std::array<std::string_view, fields_of_a_line> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const bool last = i + 1 == fields.size();
    const std::size_t end = last ? line.size() : line.find(':');
    if (end == line.npos) return std::nullopt;
    fields[i] = line.substr(0, end);
    if (!last) line.remove_prefix(end + 1);
  }
  if (fields.back().contains(':')) return std::nullopt;
  const auto uid = number_of(fields[2]);
  if (!uid || !number_of(fields[3])) return std::nullopt;
  return Entry{fields[0], *uid};
}

// The open file's whole text, at most Accounts::file_max bytes.
std::optional<std::string> text_of(int file) {
  std::string text;
  std::array<char, 16 * 1024> chunk{};
  while (true) {
    const ssize_t got = ::read(file, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (text.size() > Accounts::file_max) return std::nullopt;
  }
}

std::map<std::uint32_t, std::string> names_in(std::string_view text) {
  std::map<std::uint32_t, std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    // The first one counts, as for getpwuid(3), also if its name is not to be shown.
    if (const auto entry = entry_of(text.substr(0, end))) {
      names.try_emplace(entry->uid, is_account_name(entry->name) ? entry->name : "");
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

}  // namespace

Accounts::Accounts(std::string passwd_path) : path_(std::move(passwd_path)) {}

std::string Accounts::name_of(std::uint32_t uid) {
  refresh();
  const auto found = names_.find(uid);
  const bool named = found != names_.end() && !found->second.empty();
  return named ? found->second : std::format("uid-{}", uid);
}

void Accounts::refresh() {
  // O_NONBLOCK: whatever lies there, opening it does not wait.
  const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat now{};
  if (file < 0 || ::fstat(file, &now) != 0 || !S_ISREG(now.st_mode)) {
    if (file >= 0) ::close(file);
    stamp_.reset();
    names_.clear();
    return;
  }
  const Stamp stamp{now.st_dev, now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec};
  if (stamp_ != stamp) {
    const auto text = text_of(file);
    names_ = text ? names_in(*text) : std::map<std::uint32_t, std::string>{};
    stamp_ = stamp;
  }
  ::close(file);
}

bool is_account_name(std::string_view name) {
  if (name.size() > Accounts::name_max) return false;
  if (name.starts_with("uid-") && number_of(name.substr(4))) return false;
  if (name.ends_with('$')) name.remove_suffix(1);
  if (name.empty() || name[0] == '-' || name[0] == '.') return false;
  if (std::ranges::all_of(name, is_digit)) return false;
  return std::ranges::all_of(name, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '@' || c == '-';
  });
}

}  // namespace gpuhub::daemon
