#include "login/sss_people.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>
#include <system_error>
#include <vector>

#include "login/plain.hpp"
#include "login/request.hpp"
#include "login/unix_client.hpp"

namespace gpuhub::login {
namespace {

constexpr std::uint32_t uid_least = 1000;
constexpr std::uint32_t uid_nobody = 65'534;
constexpr std::uint32_t no_uid = 0xFFFF'FFFF;
constexpr std::size_t typed_max = 256;
constexpr std::size_t entry_max = 16 * 1024 * 1024;  // bytes of a group with all its members
constexpr int groups_max = 65'536;                   // the kernel's own limit

// A name of the domain as people write it, `DOMAIN\name` included.
bool may_be_asked(std::string_view typed) {
  if (typed.empty() || typed.size() > typed_max) return false;
  return std::ranges::all_of(typed, [](char c) {
    return is_name({&c, 1}) || c == '.' || c == '@' || c == '-' || c == '\\';
  });
}

// Calls a `get…_r` with more room until it fits. nullopt: there is none, or it cannot be asked.
template <typename Entry, typename Get>
std::optional<Entry> entry_by(std::vector<char>& room, const Get& get) {
  for (room.resize(16 * 1024); room.size() <= entry_max; room.resize(room.size() * 4)) {
    Entry entry{};
    Entry* found = nullptr;
    const int error = get(&entry, room.data(), room.size(), &found);
    if (error == EINTR) continue;
    if (error != ERANGE) return found == nullptr ? std::nullopt : std::optional{entry};
  }
  return std::nullopt;
}

std::optional<Account> account_of(const std::string& name) {
  std::vector<char> room;
  const auto entry = entry_by<passwd>(room, [&](passwd* out, char* text, auto size, auto** found) {
    return ::getpwnam_r(name.c_str(), out, text, size, found);
  });
  if (!entry) return std::nullopt;
  return Account{.name = entry->pw_name, .uid = entry->pw_uid, .gid = entry->pw_gid,
                 .home = home_of(entry->pw_dir), .shell = shell_of(entry->pw_shell)};
}

std::string name_of(gid_t gid) {
  std::vector<char> room;
  const auto entry = entry_by<group>(room, [&](group* out, char* text, auto size, auto** found) {
    return ::getgrgid_r(gid, out, text, size, found);
  });
  return entry ? group_name_of(entry->gr_name) : "";
}

std::vector<Group> groups_of(const Account& account) {
  std::vector<gid_t> gids(256);
  int count = static_cast<int>(gids.size());
  while (::getgrouplist(account.name.c_str(), account.gid, gids.data(), &count) < 0) {
    if (count > groups_max || static_cast<std::size_t>(count) <= gids.size()) break;
    gids.resize(static_cast<std::size_t>(count));
  }
  gids.resize(std::min(gids.size(), static_cast<std::size_t>(count)));
  std::vector<Group> groups{{name_of(account.gid), account.gid}};
  for (const gid_t gid : gids) {
    if (gid != account.gid) groups.push_back({name_of(gid), gid});
  }
  return groups;
}

std::unexpected<Answer> not_allowed(std::string detail) {
  return std::unexpected(Answer{.outcome = Outcome::not_allowed, .detail = std::move(detail)});
}

}  // namespace

SssPeople::SssPeople(std::string nss_pipe) : nss_pipe_(std::move(nss_pipe)) {}

std::expected<Account, Answer> SssPeople::find(std::string_view typed) {
  const std::string name = trimmed(typed);
  if (!may_be_asked(name)) return not_allowed("not a name that sssd is asked about");
  auto account = account_of(name);
  if (!account && lower(name) != name) account = account_of(lower(name));
  if (!account) {
    if (auto down = trouble()) {
      return std::unexpected(
          Answer{.outcome = Outcome::unavailable, .detail = *std::move(down)});
    }
    return not_allowed("sssd knows nobody of that name, or cannot ask its directory");
  }
  if (!is_name(account->name)) {
    return not_allowed("sssd's name for the account has characters that the hub does not take");
  }
  if (account->uid < uid_least || account->uid == uid_nobody || account->uid == no_uid) {
    return not_allowed(std::format("uid {} is not a person's", account->uid));
  }
  if (is_closed_shell(account->shell)) return not_allowed("the account's shell is closed");
  account->groups = groups_of(*account);
  return *std::move(account);
}

bool SssPeople::is_locked(const Account&) { return false; }

std::optional<std::string> SssPeople::trouble() {
  const auto connection = connect_to(nss_pipe_);
  if (connection) return std::nullopt;
  return "sssd does not answer: " + connection.error();
}

}  // namespace gpuhub::login
