// gpuctl: the allocator's command line, for admins. One static file.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <print>

#include "ctl/commands.hpp"
#include "model/ids.hpp"

namespace gpuhub::ctl {

int fail(const std::string& message) {
  std::println(stderr, "gpuctl: {}", message);
  return 1;
}

}  // namespace gpuhub::ctl

int main(int argc, char** argv) {
  using namespace gpuhub;
  ctl::Common common;
  const char* socket = std::getenv("GPUHUB_SOCKET");
  const bool named = socket != nullptr && *socket != '\0';
  common.socket = named ? socket : "/run/gpuhub/admin/allocator.sock";
  bool all = false;
  std::string id;

  CLI::App app{"gpuctl: what GPUs there are and who holds them.", "gpuctl"};
  app.set_version_flag("--version", "gpuctl " GPUHUB_VERSION);
  app.add_option("--socket", common.socket, "the allocator's socket")->capture_default_str();
  app.add_flag("--json", common.json, "print JSON as the API gives it");
  app.fallthrough();
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string{"gpuctl: "} + error.what() + "\ntry this: gpuctl --help\n";
  });
  auto* gpus = app.add_subcommand("gpus", "the GPUs, their slots, load and holders");
  auto* leases = app.add_subcommand("leases", "the leases that live");
  leases->add_flag("--all", all, "ended ones too");
  auto* lease = app.add_subcommand("lease", "one lease");
  const auto check_id = [](const std::string& text) {
    return model::LeaseId::parse(text) ? std::string{} : "not a lease's id: L-…";
  };
  lease->add_option("ID", id, "the lease's id, L-…")->required()->check(check_id);
  auto* version = app.add_subcommand("version", "of this program");
  auto* status = app.add_subcommand("status", "is the allocator ready; exit status 0 if so");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  if (gpus->parsed()) return ctl::gpus(common);
  if (leases->parsed()) return ctl::leases(common, all);
  if (lease->parsed()) return ctl::lease(common, id);
  if (status->parsed()) return ctl::status(common);
  if (version->parsed()) return ctl::version(common);
  return 2;
}
