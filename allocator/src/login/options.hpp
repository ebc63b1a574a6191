// The command line of gpuhub-login.
#pragma once

#include <expected>
#include <string>

namespace gpuhub::login {

enum class Source { host, sss };

struct Options {
  Source source = Source::host;
  std::string directory = "/run/gpuhub/login";  // of the socket
  std::string etc = "/host/etc";                // of the host, for Source::host
  bool ping = false;                            // ask the helper that runs instead

  std::string socket() const { return directory + "/login.sock"; }
};

// The options, or the exit status if the command line already said it all.
std::expected<Options, int> parse_options(int argc, char** argv);

}  // namespace gpuhub::login
