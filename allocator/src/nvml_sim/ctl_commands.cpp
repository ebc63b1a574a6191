#include "nvml_sim/ctl_commands.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <format>
#include <set>
#include <utility>

#include "nvml_sim/state_files.hpp"
#include "nvml_sim/xid_log.hpp"

namespace gpuhub::nvml_sim {
namespace {

namespace fs = std::filesystem;
using Done = std::expected<void, std::string>;

std::unexpected<std::string> failed(const std::string& path, std::string_view doing) {
  const int why = errno;
  return std::unexpected(std::format("{}: cannot {}: {}", path, doing, std::strerror(why)));
}

// Held for the life of the object; freed by the kernel also when the process dies.
class FolderLock {
 public:
  static std::expected<FolderLock, std::string> take(const std::string& folder) {
    const auto path = folder + "/.lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return failed(path, "open");
    if (::flock(fd, LOCK_EX) != 0) {
      auto error = failed(path, "lock");
      ::close(fd);
      return error;
    }
    return FolderLock(fd);
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

Done make_folder(const std::string& path) {
  std::error_code wrong;
  fs::create_directories(path, wrong);
  if (wrong) return std::unexpected(path + ": cannot make it: " + wrong.message());
  return {};
}

Done replace_if_different(const std::string& path, const std::string& content) {
  if (read_small_file(path) == content) return {};
  return replace_file(path, content);
}

// The mode is set apart because mknod's is cut by the umask.
Done make_node(const std::string& path, unsigned major, unsigned minor) {
  struct stat info{};
  const auto device = makedev(major, minor);
  if (::lstat(path.c_str(), &info) == 0) {
    if (S_ISCHR(info.st_mode) && info.st_rdev == device && (info.st_mode & 0777U) == 0666) {
      return {};
    }
    if (::unlink(path.c_str()) != 0) return failed(path, "remove the old node");
  }
  if (::mknod(path.c_str(), S_IFCHR | 0666, device) != 0) return failed(path, "make the node");
  if (::chmod(path.c_str(), 0666) != 0) return failed(path, "set the node's mode");
  return {};
}

Done make_nodes_of(const std::string& folder, const Machine& machine) {
  std::set<std::string> wanted;
  for (const auto& gpu : machine.gpus) {
    const auto name = std::format("nvidia{}", gpu.minor);
    wanted.insert(name);
    if (auto done = make_node(folder + "/" + name, machine.major, gpu.minor); !done) return done;
  }
  std::error_code wrong;
  for (const auto& entry : fs::directory_iterator(folder, wrong)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("nvidia") || wanted.contains(name)) continue;
    fs::remove(entry.path(), wrong);
  }
  if (wrong) return std::unexpected(folder + ": cannot clear it: " + wrong.message());
  return {};
}

// Beside the old one, then renamed over it: whoever has the old one mapped keeps it whole.
Done copy_library(const std::string& from, const std::string& to) {
  const auto fresh = std::format("{}.{}", to, ::getpid());
  std::error_code wrong;
  fs::copy_file(from, fresh, fs::copy_options::overwrite_existing, wrong);
  if (!wrong) fs::permissions(fresh, static_cast<fs::perms>(0755), wrong);
  if (!wrong) fs::rename(fresh, to, wrong);
  if (!wrong) return {};
  std::error_code ignored;
  fs::remove(fresh, ignored);
  return std::unexpected(std::format("cannot copy {} to {}: {}", from, to, wrong.message()));
}

std::string state_file(const std::string& folder, std::string_view name) {
  return std::format("{}/state/{}", folder, name);
}

template <typename T>
std::expected<T, std::string> read_state(const std::string& path,
                                         std::expected<T, std::string> (*parse)(std::string_view)) {
  const auto text = read_small_file(path);
  if (!text) return std::unexpected(text.error());
  auto value = parse(*text);
  if (!value) return std::unexpected(path + ": " + value.error());
  return value;
}

const Gpu* find_gpu(const Machine& machine, std::string_view name) {
  unsigned minor = 0;
  const auto* end = name.data() + name.size();
  const auto number = std::from_chars(name.data(), end, minor);
  const bool by_minor = number.ec == std::errc{} && number.ptr == end;
  const auto found = std::ranges::find_if(machine.gpus, [&](const Gpu& gpu) {
    return by_minor ? gpu.minor == minor : gpu.uuid == name;
  });
  return found == machine.gpus.end() ? nullptr : &*found;
}

// One, or each of "all".
std::expected<std::vector<std::string>, std::string> find_uuids(const std::string& folder,
                                                                std::string_view name) {
  const auto machine = read_state(state_file(folder, "machine.json"), parse_machine);
  if (!machine) return std::unexpected(machine.error());
  std::vector<std::string> uuids;
  if (name == "all") {
    for (const auto& gpu : machine->gpus) uuids.push_back(gpu.uuid);
    return uuids;
  }
  const auto* found = find_gpu(*machine, name);
  if (found == nullptr) return std::unexpected(std::format("no GPU {} in {}", name, folder));
  uuids.push_back(found->uuid);
  return uuids;
}

void apply(const LoadChange& change, Load& load) {
  if (change.clear) load = {.unplugged = load.unplugged, .plugged = load.plugged};
  load.gpu_util = change.gpu_util.value_or(load.gpu_util);
  load.mem_util = change.mem_util.value_or(load.mem_util);
  load.memory_used_mib = change.memory_used_mib.value_or(load.memory_used_mib);
  load.lost = change.lost.value_or(load.lost);
  load.quirks = change.quirks.value_or(load.quirks);
  const auto end = [&](unsigned pid) {
    std::erase_if(load.processes, [&](const Process& process) { return process.pid == pid; });
  };
  if (change.end_process) end(*change.end_process);
  if (!change.add_process) return;
  end(change.add_process->pid);
  load.processes.push_back(*change.add_process);
}

}  // namespace

std::expected<Machine, std::string> make_machine(const MachineSpec& spec) {
  if (spec.gpus < 1 || spec.gpus > kMaxGpus) {
    return std::unexpected(std::format("GPUs: 1 to {}", kMaxGpus));
  }
  if (spec.host_number > 0xffff) return std::unexpected("host number: 0 to 65535");
  if (spec.major < 1 || spec.major > 511) return std::unexpected("major: 1 to 511");
  const auto* model = find_model(spec.model);
  if (model == nullptr) {
    std::string known;
    for (const auto& each : models()) known += std::format(" {}", each.key);
    return std::unexpected(std::format("no model {}; there are:{}", spec.model, known));
  }
  Machine machine{.driver_version = spec.driver_version,
                  .cuda_version = spec.cuda_version,
                  .major = spec.major,
                  .gpus = {}};
  for (unsigned index = 0; index < spec.gpus; ++index) {
    machine.gpus.push_back(
        {.uuid = std::format("GPU-51d00000-0000-4000-8000-{:04x}{:08x}", spec.host_number, index),
         .model = model,
         .minor = index,
         .pci = {.domain = 0, .bus = 7 + 3 * index, .device = 0}});
  }
  return machine;
}

std::expected<void, std::string> init_folder(const std::string& folder, const Machine& machine,
                                             const std::string& library, bool make_nodes) {
  for (const auto* part : {"/state", "/dev", "/lib"}) {
    if (auto done = make_folder(folder + part); !done) return done;
  }
  const auto lock = FolderLock::take(folder);
  if (!lock) return std::unexpected(lock.error());
  if (!library.empty()) {
    auto done = copy_library(library, folder + "/lib/libnvidia-ml.so.1");
    if (!done) return done;
  }
  if (make_nodes) {
    if (auto done = make_nodes_of(folder + "/dev", machine); !done) return done;
  }
  const auto load_path = state_file(folder, "load.json");
  auto loads = read_state(load_path, parse_loads).value_or(Loads{});
  std::erase_if(loads, [&](const auto& entry) {
    return std::ranges::find(machine.gpus, entry.first, &Gpu::uuid) == machine.gpus.end();
  });
  auto done = replace_if_different(load_path, to_json(loads));
  if (!done) return done;
  return replace_if_different(state_file(folder, "machine.json"), to_json(machine));
}

std::expected<void, std::string> change_load(const std::string& folder, std::string_view gpu,
                                             const LoadChange& change) {
  const auto lock = FolderLock::take(folder);
  if (!lock) return std::unexpected(lock.error());
  const auto machine = read_state(state_file(folder, "machine.json"), parse_machine);
  if (!machine) return std::unexpected(machine.error());
  const auto* found = find_gpu(*machine, gpu);
  if (found == nullptr) return std::unexpected(std::format("no GPU {} in {}", gpu, folder));
  const auto load_path = state_file(folder, "load.json");
  auto loads = read_state(load_path, parse_loads);
  if (!loads) return std::unexpected(loads.error());
  auto& load = (*loads)[found->uuid];
  apply(change, load);
  if (load.memory_used_mib > found->model->memory_mib - found->model->reserved_mib) {
    return std::unexpected(std::format("{} has {} MiB, of which {} are the driver's", found->uuid,
                                       found->model->memory_mib, found->model->reserved_mib));
  }
  return replace_file(load_path, to_json(*loads));
}

std::expected<void, std::string> raise_xid(const std::string& folder, std::string_view gpu,
                                           std::uint64_t xid, unsigned times) {
  const auto lock = FolderLock::take(folder);
  if (!lock) return std::unexpected(lock.error());
  if (times < 1 || times > kMaxXids) {
    return std::unexpected(std::format("times: 1 to {}", kMaxXids));
  }
  const auto uuids = find_uuids(folder, gpu);
  if (!uuids) return std::unexpected(uuids.error());
  const auto path = state_file(folder, "xids.json");
  auto log = stamp_of(path).size < 0 ? XidLog{} : read_state(path, parse_xids);
  if (!log) return std::unexpected(log.error());
  for (unsigned time = 0; time < times; ++time) {
    for (const auto& uuid : *uuids) raise(*log, uuid, xid);
  }
  return replace_file(path, to_json(*log));
}

std::expected<void, std::string> set_plugged(const std::string& folder, std::string_view gpu,
                                             bool plugged) {
  const auto lock = FolderLock::take(folder);
  if (!lock) return std::unexpected(lock.error());
  const auto uuids = find_uuids(folder, gpu);
  if (!uuids) return std::unexpected(uuids.error());
  const auto path = state_file(folder, "load.json");
  auto loads = read_state(path, parse_loads);
  if (!loads) return std::unexpected(loads.error());
  for (const auto& uuid : *uuids) {
    auto& load = (*loads)[uuid];
    if (load.unplugged != plugged) continue;
    load.unplugged = !plugged;
    if (plugged) ++load.plugged;
  }
  return replace_if_different(path, to_json(*loads));
}

std::expected<void, std::string> set_init_code(const std::string& folder, int code) {
  const auto lock = FolderLock::take(folder);
  if (!lock) return std::unexpected(lock.error());
  const auto path = state_file(folder, "machine.json");
  auto machine = read_state(path, parse_machine);
  if (!machine) return std::unexpected(machine.error());
  if (code < 0 || code > 999) return std::unexpected("code: 0 to 999");
  machine->init_code = code;
  return replace_if_different(path, to_json(*machine));
}

std::expected<std::string, std::string> show_folder(const std::string& folder) {
  const auto machine = read_state(state_file(folder, "machine.json"), parse_machine);
  if (!machine) return std::unexpected(machine.error());
  const auto loads = read_state(state_file(folder, "load.json"), parse_loads);
  if (!loads) return std::unexpected(loads.error());
  auto out = std::format("driver {}, major {}", machine->driver_version, machine->major);
  if (machine->init_code != 0) out += std::format(", fails with code {}", machine->init_code);
  out += '\n';
  for (const auto& gpu : machine->gpus) {
    const auto found = loads->find(gpu.uuid);
    const auto load = found == loads->end() ? Load{} : found->second;
    out += std::format("{:2} {} {:10} {} gpu {:3} % mem {:3} % {:6} of {} MiB, {} processes{}{}",
                       gpu.minor, gpu.uuid, gpu.model->key, to_string(gpu.pci), load.gpu_util,
                       load.mem_util, load.memory_used_mib, gpu.model->memory_mib,
                       load.processes.size(), load.lost ? ", lost" : "",
                       load.unplugged ? ", unplugged" : "");
    for (const auto quirk : quirk_names(load.quirks)) out += std::format(", {}", quirk);
    out += '\n';
    for (const auto& process : load.processes) {
      out += std::format("   process {}: {} % {} MiB\n", process.pid, process.gpu_util,
                         process.memory_mib);
    }
  }
  return out;
}

std::optional<unsigned> free_major(std::string_view proc_devices) {
  std::set<unsigned> taken;
  const auto characters = proc_devices.substr(0, proc_devices.find("Block devices:"));
  for (std::size_t at = 0; at < characters.size();) {
    const auto end = std::min(characters.find('\n', at), characters.size());
    const auto line = characters.substr(at, end - at);
    at = end + 1;
    const auto digit = line.find_first_not_of(' ');
    unsigned major = 0;
    if (digit == std::string_view::npos) continue;
    const auto* last = line.data() + line.size();
    if (std::from_chars(line.data() + digit, last, major).ec == std::errc{}) taken.insert(major);
  }
  for (unsigned major = 254; major >= 240; --major) {
    if (!taken.contains(major)) return major;
  }
  return std::nullopt;
}

}  // namespace gpuhub::nvml_sim
