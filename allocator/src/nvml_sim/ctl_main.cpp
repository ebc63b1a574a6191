// nvml_sim_ctl: the command line over ctl_commands. Static, so it runs in any container.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <print>
#include <string>
#include <vector>

#include "nvml_sim/ctl_commands.hpp"

namespace {

using namespace gpuhub::nvml_sim;

int fail(const std::string& what) {
  std::println(stderr, "nvml_sim_ctl: {}", what);
  return 1;
}

struct Options {
  std::string folder;
  MachineSpec spec;
  std::string library;
  bool no_nodes = false;
  std::string gpu;
  LoadChange load;
  Process process;
  std::vector<std::string> quirks;
  std::uint64_t xid = 0;
  unsigned times = 1;
  int init_code = 0;
};

CLI::App* add_init(CLI::App& app, Options& options) {
  auto* init = app.add_subcommand("init", "make or update the folder of a simulated machine");
  init->add_option("DIR", options.folder)->required();
  init->add_option("--gpus", options.spec.gpus, "how many, 1 to 64")->required();
  init->add_option("--model", options.spec.model, "A100-40G, H100-80G or RTX-4090")->required();
  init->add_option("--major", options.spec.major, "of the device nodes; see free-major")
      ->required();
  init->add_option("--host-number", options.spec.host_number, "0 to 65535, goes into the UUIDs");
  init->add_option("--library", options.library, "libnvidia-ml.so.1 to copy into DIR/lib");
  init->add_flag("--no-nodes", options.no_nodes, "make no device nodes (needs no CAP_MKNOD)");
  return init;
}

CLI::App* add_load(CLI::App& app, Options& options) {
  auto* load = app.add_subcommand("load", "change what a GPU seems to be doing");
  load->add_option("DIR", options.folder)->required();
  load->add_option("GPU", options.gpu, "UUID or index")->required();
  const auto percent = CLI::Range(0, 100);
  load->add_option("--gpu-util", options.load.gpu_util, "percent")->check(percent);
  load->add_option("--mem-util", options.load.mem_util, "percent")->check(percent);
  load->add_option("--memory-mib", options.load.memory_used_mib, "memory in use");
  load->add_option("--lost", options.load.lost, "true: the GPU has fallen off the bus");
  auto* pid = load->add_option("--pid", options.process.pid,
                               "add a process, or change it; of the host, as ps shows it there");
  load->add_option("--process-mib", options.process.memory_mib, "its memory")->needs(pid);
  load->add_option("--process-util", options.process.gpu_util, "what it does, percent")
      ->needs(pid)
      ->check(percent);
  const std::map<std::string, ProcessKind> kinds{{"compute", ProcessKind::compute},
                                                 {"graphics", ProcessKind::graphics},
                                                 {"mps", ProcessKind::mps}};
  load->add_option("--process-kind", options.process.kind, "compute, graphics or mps")
      ->needs(pid)
      ->transform(CLI::CheckedTransformer(kinds));
  load->add_option("--end-pid", options.load.end_process, "take a process off");
  load->add_option("--quirks", options.quirks,
                   "how the library behaves, and no other way: mig, hangs, lies, no_rates, "
                   "no_processes, no_process_util; or none")
      ->delimiter(',');
  load->add_flag("--clear", options.load.clear, "begin from idle, without processes");
  return load;
}

struct Failures {
  CLI::App* xid;
  CLI::App* unplug;
  CLI::App* plug;
  CLI::App* driver;
};

Failures add_failures(CLI::App& app, Options& options) {
  const auto verb = [&](const char* name, const char* does, bool of_gpu) {
    auto* made = app.add_subcommand(name, does);
    made->add_option("DIR", options.folder)->required();
    if (of_gpu) made->add_option("GPU", options.gpu, "UUID or index, or all")->required();
    return made;
  };
  const Failures verbs{
      .xid = verb("xid", "raise a critical XID error, for who waits for events", true),
      .unplug = verb("unplug", "take a GPU out of the running machine", true),
      .plug = verb("plug", "put it back: seen after a new nvmlInit", true),
      .driver = verb("driver", "what every new nvmlInit answers", false)};
  verbs.xid->add_option("XID", options.xid, "its number")->required();
  verbs.xid->add_option("--times", options.times, "how often, at once");
  const std::map<std::string, int> codes{
      {"ok", 0}, {"not-loaded", 9}, {"mismatch", 18}, {"unknown", 999}};
  verbs.driver->add_option("STATE", options.init_code, "ok, not-loaded, mismatch or unknown")
      ->required()
      ->transform(CLI::CheckedTransformer(codes));
  return verbs;
}

int print_free_major() {
  std::ifstream file("/proc/devices");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto major = free_major(text);
  if (!major) return fail("every character major of 240 to 254 is taken in /proc/devices");
  std::println("{}", *major);
  return 0;
}

int run_init(const Options& options) {
  const auto machine = make_machine(options.spec);
  if (!machine) return fail(machine.error());
  const auto done = init_folder(options.folder, *machine, options.library, !options.no_nodes);
  return done ? 0 : fail(done.error());
}

int run_load(Options& options) {
  if (options.process.pid != 0) options.load.add_process = options.process;
  if (!options.quirks.empty()) {
    std::erase(options.quirks, "none");
    const auto quirks = parse_quirks(options.quirks);
    if (!quirks) return fail("--quirks " + quirks.error());
    options.load.quirks = *quirks;
  }
  const auto done = change_load(options.folder, options.gpu, options.load);
  return done ? 0 : fail(done.error());
}

int run_failure(const Failures& verbs, const Options& options) {
  const auto done =
      verbs.xid->parsed()    ? raise_xid(options.folder, options.gpu, options.xid, options.times)
      : verbs.driver->parsed() ? set_init_code(options.folder, options.init_code)
                               : set_plugged(options.folder, options.gpu, verbs.plug->parsed());
  return done ? 0 : fail(done.error());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Makes and changes the simulated machine that libnvidia-ml.so.1 shows"};
  app.require_subcommand(1);
  Options options;
  const auto* init = add_init(app, options);
  const auto* load = add_load(app, options);
  const auto failures = add_failures(app, options);
  auto* show = app.add_subcommand("show", "print machine and load, or what is wrong with them");
  show->add_option("DIR", options.folder)->required();
  const auto* major = app.add_subcommand("free-major", "print a character major that is not taken");
  CLI11_PARSE(app, argc, argv);
  if (init->parsed()) return run_init(options);
  if (load->parsed()) return run_load(options);
  if (major->parsed()) return print_free_major();
  for (const auto* verb : {failures.xid, failures.unplug, failures.plug, failures.driver}) {
    if (verb->parsed()) return run_failure(failures, options);
  }
  const auto text = show_folder(options.folder);
  if (!text) return fail(text.error());
  std::print("{}", *text);
  return 0;
}
