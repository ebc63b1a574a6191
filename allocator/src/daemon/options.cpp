#include "daemon/options.hpp"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <array>

namespace gpuhub::daemon {
namespace {
std::string system_host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}
}  // namespace

std::expected<Options, int> parse_options(int argc, char** argv) {
  Options o;
  bool check = false, make_template = false;
  CLI::App app{"gpu-allocator: keeps the books of who holds which GPU", "gpu-allocator"};
  app.set_version_flag("--version", "gpu-allocator " GPUHUB_VERSION);
  app.add_option("--config", o.config, "gpuhub.toml")->capture_default_str();
  app.add_option("--config-name", o.config_name, "how errors call that file");
  auto* what = app.add_option_group("instead of running");
  what->add_flag("--check-config", check, "say what is wrong in the file; exit status 0 or 78");
  what->add_option("--export", o.export_directory, "write hub.json and compose.env into DIR")
      ->type_name("DIR");
  what->add_flag("--config-template", make_template, "print a commented gpuhub.toml");
  what->require_option(0, 1);
  app.add_option("--simulate", o.simulate, "with --config-template: so many simulated GPUs")
      ->check(CLI::Range(1, 16));
  app.add_option("--admins", o.admins, "with --config-template: accounts, by commas")
      ->delimiter(',');
  app.add_option("--host-name", o.host_name, "this host's name in leases");
  app.add_option("--sim-devices", o.sim_devices, "folder of the simulated machine on the host");
  app.add_option("--store", o.store, "the ledger's file")->capture_default_str();
  app.add_option("--docker-socket", o.docker_socket, "the engine")->capture_default_str();
  app.add_option("--nvml", o.nvml, "the NVML library")->capture_default_str();
  app.add_option("--admin-socket", o.admin_socket, "where the admin asks")->capture_default_str();
  app.add_option("--hub-socket", o.hub_socket, "where the hub asks")->capture_default_str();
  app.add_option("--local-socket", o.local_socket, "where people of this host ask, if they may")
      ->capture_default_str();
  app.add_option("--local-gid", o.local_gid, "the group whose members may use it")
      ->envname("GPUHUB_LOCAL_GID");
  app.add_option("--proc", o.proc, "where the host's processes are seen")->capture_default_str();
  app.add_option("--passwd", o.passwd, "the host's accounts")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return std::unexpected{app.exit(error) == 0 ? 0 : 64};
  }
  if (check) o.verb = Verb::check_config;
  if (!o.export_directory.empty()) o.verb = Verb::export_config;
  if (make_template) o.verb = Verb::config_template;
  if (o.config_name.empty()) o.config_name = o.config;
  if (o.host_name.empty()) o.host_name = system_host_name();
  return o;
}

}  // namespace gpuhub::daemon
