#include "login/host_people.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <span>
#include <system_error>
#include <vector>

#include "login/plain.hpp"
#include "login/request.hpp"

namespace gpuhub::login {
namespace {

struct Uids {
  std::uint32_t least = 1000;
  std::uint32_t most = 60'000;
};

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return number;
}

std::expected<std::string, std::string> text_of(const std::string& path) {
  const auto failed = [&](int error) {
    return std::unexpected("cannot read " + path + ": " + std::generic_category().message(error));
  };
  // O_NONBLOCK: whatever lies there, opening it does not wait.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return failed(errno);
  std::string text;
  std::array<char, 16 * 1024> chunk{};
  int error = 0;
  while (error == 0) {
    const ssize_t got = ::read(file, chunk.data(), chunk.size());
    if (got == 0) break;
    if (got > 0) text.append(chunk.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) error = errno;
    if (text.size() > HostPeople::file_max) error = EFBIG;
  }
  ::close(file);
  if (error != 0) return failed(error);
  return text;
}

// Calls `each` for every line until it returns true.
template <typename Each>
void lines_of(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (each(text.substr(0, end))) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// As login.defs says it; uid 0 is root under any name, whatever stands there.
Uids uids_in(std::string_view text) {
  Uids uids;
  lines_of(text, [&](std::string_view line) {
    constexpr std::string_view blank = " \t\r";
    line = line.substr(0, line.find('#'));
    const auto from = std::min(line.find_first_not_of(blank), line.size());
    const auto gap = std::min(line.find_first_of(blank, from), line.size());
    const auto key = line.substr(from, gap - from);
    auto rest = line.substr(std::min(line.find_first_not_of(blank, gap), line.size()));
    rest = rest.substr(0, rest.find_first_of(blank));
    if (const auto number = number_of(rest)) {
      if (key == "UID_MIN") uids.least = *number;
      if (key == "UID_MAX") uids.most = *number;
    }
    return false;
  });
  uids.least = std::max(uids.least, 1U);
  return uids;
}

// The first entry of that name, groups left out; nullopt if there is none.
std::optional<Account> entry_of(std::string_view passwd, std::string_view name) {
  std::optional<Account> found;
  lines_of(passwd, [&](std::string_view line) {
    const auto parts = split(line, ':');  // name:password:uid:gid:gecos:home:shell
    if (parts.size() != 7 || parts[0] != name) return false;
    const auto uid = number_of(parts[2]);
    const auto gid = number_of(parts[3]);
    if (!uid || !gid) return false;
    found = Account{.name = std::string{name}, .uid = *uid, .gid = *gid,
                    .home = home_of(parts[5]), .shell = shell_of(parts[6])};
    return true;
  });
  return found;
}

// All groups, the one of the account's gid first, whether or not it has a name.
std::vector<Group> groups_in(std::string_view text, const Account& account) {
  std::vector<Group> own, others;
  lines_of(text, [&](std::string_view line) {
    const auto parts = split(line, ':');  // name:password:gid:members
    if (parts.size() != 4) return false;
    const auto gid = number_of(parts[2]);
    const auto members = split(parts[3].substr(0, parts[3].find_first_of(" \t\r")), ',');
    if (!gid || (*gid != account.gid && !std::ranges::contains(members, account.name))) {
      return false;
    }
    auto& list = *gid == account.gid ? own : others;
    const Group group{group_name_of(parts[0]), *gid};
    if (!std::ranges::contains(list, group)) list.push_back(group);
    return false;
  });
  if (own.empty()) own.push_back({"", account.gid});
  own.insert(own.end(), others.begin(), others.end());
  return own;
}

Answer unavailable(std::string detail) {
  return {.outcome = Outcome::unavailable, .detail = std::move(detail)};
}

}  // namespace

HostPeople::HostPeople(std::string etc) : etc_(std::move(etc)) {}

std::expected<Account, Answer> HostPeople::find(std::string_view typed) {
  const auto passwd = text_of(etc_ + "/passwd");
  const auto group = text_of(etc_ + "/group");
  for (const auto* text : {&passwd, &group}) {
    if (!*text) return std::unexpected(unavailable(text->error()));
  }
  const auto defs = text_of(etc_ + "/login.defs");  // need not be there
  const Uids uids = uids_in(defs ? *defs : std::string{});
  const std::string name = trimmed(typed);
  for (const auto& candidate : {name, lower(name)}) {
    if (!is_name(candidate)) continue;
    auto account = entry_of(*passwd, candidate);
    if (!account || account->uid < uids.least || account->uid > uids.most ||
        is_closed_shell(account->shell)) {
      continue;
    }
    account->groups = groups_in(*group, *account);
    return *std::move(account);
  }
  return std::unexpected(Answer{.outcome = Outcome::not_allowed,
                                .detail = "not an account of a person on this host"});
}

bool HostPeople::is_locked(const Account& account) {
  const auto shadow = text_of(etc_ + "/shadow");
  if (!shadow) return false;
  bool locked = true;
  lines_of(*shadow, [&](std::string_view line) {
    const auto parts = split(line, ':');
    if (parts.size() < 2 || parts[0] != account.name) return false;
    locked = parts[1].starts_with('!') || parts[1].starts_with('*');
    return true;
  });
  return locked;
}

std::optional<std::string> HostPeople::trouble() {
  for (const auto* name : {"/passwd", "/group", "/shadow"}) {
    if (const auto text = text_of(etc_ + name); !text) return text.error();
  }
  return std::nullopt;
}

}  // namespace gpuhub::login
