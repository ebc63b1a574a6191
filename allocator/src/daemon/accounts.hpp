// Names of the host's accounts, for callers known by the uid that the kernel gives. Read from a
// passwd file, again whenever that file has changed. Used by the daemon's loop; not thread-safe.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace gpuhub::daemon {

class Accounts {
 public:
  static constexpr std::size_t file_max = 16 * 1024 * 1024;  // bytes; a larger file is not read
  static constexpr std::size_t name_max = 64;                // bytes

  // `passwd_path`: a file in passwd(5)'s form. It need not be there, now or ever. It is opened by
  // its name each time, because useradd puts a new file in the old one's place: mount its folder.
  explicit Accounts(std::string passwd_path);

  // The first account with that uid, as getpwuid(3) has it. "uid-N" if there is none, if its name
  // is not a valid one, or while the file cannot be read: so a name never stands for a guess, and
  // no account can be called like another one's number.
  std::string name_of(std::uint32_t uid);

 private:
  struct Stamp {                     // of the file as it was read
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::time_t seconds = 0;
    long nanoseconds = 0;
    bool operator==(const Stamp&) const = default;
  };
  void refresh();

  std::string path_;
  std::optional<Stamp> stamp_;       // nullopt: nothing is known of the file
  std::map<std::uint32_t, std::string> names_;
};

// True for 1..name_max letters, digits and `._@-`, perhaps ended by `$`; not led by `-` or `.`, not
// digits alone, and not of the form "uid-N".
bool is_account_name(std::string_view name);

}  // namespace gpuhub::daemon
