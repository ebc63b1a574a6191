// The command line of gpu-allocator: what `up` and Compose tell it. What people decide stands in
// gpuhub.toml.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace gpuhub::daemon {

enum class Verb { run, check_config, export_config, config_template };

struct Options {
  Verb verb = Verb::run;
  std::string config = "/etc/gpuhub/gpuhub.toml";
  std::string config_name;           // how errors call the file; empty: as `config`
  std::string export_directory;
  int simulate = 0;                  // of config_template
  std::vector<std::string> admins;   // of config_template
  std::string host_name;             // empty: the system's
  std::string sim_devices;           // the simulated machine's folder, as the engine sees it
  std::string store = "/var/lib/gpuhub/ledger.sqlite";
  std::string docker_socket = "/var/run/docker.sock";
  std::string nvml = "libnvidia-ml.so.1";
  std::string admin_socket = "/run/gpuhub/admin/allocator.sock";
  std::string hub_socket = "/run/gpuhub/hub/allocator.sock";
  std::string local_socket = "/run/gpuhub/local/allocator.sock";  // if [local] is enabled
  std::optional<unsigned> local_gid;       // whose members may use it
  std::string proc = "/proc";              // where the host's processes are seen
  std::string passwd = "/host/etc/passwd";  // the host's accounts, for the local socket
};

// The options, or the exit status if the command line already said it all (--help, --version, or
// a mistake, which was told on stderr).
std::expected<Options, int> parse_options(int argc, char** argv);

}  // namespace gpuhub::daemon
