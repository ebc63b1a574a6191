// gpuctl: the allocator's command line, for admins. One static file.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <print>

#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "model/ids.hpp"

namespace gpuhub::ctl {

int fail(const std::string& message) {
  std::println(stderr, "gpuctl: {}", message);
  return 1;
}

std::string person(const std::string& hub, const std::string& user, const std::string& server) {
  const std::string name = server.empty() ? user : user + "/" + server;
  return hub.empty() || hub == "hub" ? name : hub + ":" + name;
}

}  // namespace gpuhub::ctl

int main(int argc, char** argv) {
  using namespace gpuhub;
  ctl::Common common;
  const char* socket = std::getenv("GPUHUB_SOCKET");
  common.socket = socket != nullptr && *socket != '\0' ? socket : "/run/gpuhub/admin/allocator.sock";
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
  lease->add_option("ID", id, "the lease's id, L-…")->required()->check([](const std::string& text) {
    return model::LeaseId::parse(text) ? std::string{} : "not a lease's id: L-…";
  });
  auto* status = app.add_subcommand("status", "whether the allocator is ready; exit status 0 if so");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  if (gpus->parsed()) return ctl::gpus(common);
  if (leases->parsed()) return ctl::leases(common, all);
  if (lease->parsed()) return ctl::lease(common, id);
  if (status->parsed()) return ctl::status(common);
  return 2;
}
