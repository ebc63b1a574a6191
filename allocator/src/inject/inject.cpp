#include "inject/inject.hpp"

#include <algorithm>
#include <format>
#include <functional>
#include <initializer_list>

#include "model/assert.hpp"
#include "model/labels.hpp"

namespace gpuhub::inject {
namespace {
using config::Driver;

// `text(part)` of each, with commas between them.
template <typename Parts, typename Text>
std::string joined(const Parts& parts, const Text& text) {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += ',';
    out += text(part);
  }
  return out;
}
std::string joined(const std::vector<std::string>& parts) { return joined(parts, std::identity{}); }

std::string uuids(std::span<const model::Gpu> gpus) {
  return joined(gpus, [](const model::Gpu& gpu) { return std::string_view{gpu.info.id.str()}; });
}

bool have_devices(std::span<const model::Gpu> gpus) {
  return std::ranges::all_of(gpus, [](const auto& gpu) { return !gpu.info.devices.empty(); });
}
// The CDI names of all of them, or why one has none.
std::expected<std::vector<std::string>, std::string> cdi_names(std::span<const model::Gpu> gpus,
                                                               const Machine& machine) {
  if (!machine.cdi_name) return std::unexpected{"no CDI specs were read"};
  std::vector<std::string> names;
  for (const model::Gpu& gpu : gpus) {
    auto name = machine.cdi_name(gpu.info);
    if (!name) return std::unexpected{std::move(name.error())};
    names.push_back(std::move(*name));
  }
  return names;
}
// NVIDIA's runtime knows GPUs by UUID; a listed card of another maker has a name of another form.
bool are_nvidia(std::span<const model::Gpu> gpus) {
  return std::ranges::all_of(gpus, [](const auto& gpu) {
    const std::string_view id = gpu.info.id.str();
    return id.starts_with("GPU-") || id.starts_with("MIG-");
  });
}

using Choice = std::expected<Driver, std::string>;

Choice checked(Driver driver, std::span<const model::Gpu> gpus, const Machine& machine) {
  switch (driver) {
    case Driver::cdi:
      if (!machine.engine_cdi) {
        return std::unexpected{"gpus.driver is \"cdi\", but the container engine does not read CDI "
                               "specs: engines 25 to 28.1 need \"features\": {\"cdi\": true} in "
                               "/etc/docker/daemon.json; older ones cannot"};
      }
      if (const auto found = cdi_names(gpus, machine); !found) {
        return std::unexpected{found.error()};
      }
      return driver;
    case Driver::nvidia:
      if (machine.engine_nvidia) return driver;
      return std::unexpected{"gpus.driver is \"nvidia\", but the container engine knows no such "
                             "runtime: install nvidia-container-toolkit, then nvidia-ctk runtime "
                             "configure, and restart the engine"};
    case Driver::devices:
      if (have_devices(gpus)) return driver;
      return std::unexpected{std::format(
          "gpus.driver is \"devices\", but no device nodes are listed for all of {}", uuids(gpus))};
    case Driver::automatic: break;
  }
  GPUHUB_ASSERT(!"automatic is resolved by choose()");
  return driver;
}

Choice choose(std::span<const model::Gpu> gpus, const Machine& machine) {
  if (machine.choice != Driver::automatic) return checked(machine.choice, gpus, machine);
  if (have_devices(gpus)) return Driver::devices;
  if (machine.engine_cdi && cdi_names(gpus, machine)) return Driver::cdi;
  if (machine.engine_nvidia && are_nvidia(gpus)) return Driver::nvidia;
  return std::unexpected{std::format(
      "the container engine cannot give {} to a container: install nvidia-container-toolkit, then "
      "\"nvidia-ctk runtime configure\" and restart the engine, or (engines from 25) \"nvidia-ctk "
      "cdi generate --output=/etc/cdi/nvidia.yaml\"; a card of another maker needs its devices "
      "listed",
      uuids(gpus))};
}

// Two GPUs may come with the same node (a control device) or mount (a library): once is enough.
template <typename T>
void add_new(std::vector<T>& to, const std::vector<T>& from) {
  for (const T& one : from) {
    const bool there = std::ranges::any_of(
        to, [&](const T& other) { return other.container_path == one.container_path; });
    if (!there) to.push_back(one);
  }
}

void add_gpus(Injection& out, Driver driver, std::span<const model::Gpu> gpus,
              const Machine& machine) {
  if (driver == Driver::devices) {
    for (const model::Gpu& gpu : gpus) {
      add_new<model::DeviceNode>(out.devices, gpu.info.devices);
      add_new<model::BindMount>(out.mounts, gpu.info.mounts);
    }
    return;
  }
  DeviceRequest request{std::string{config::to_string(driver)}, {}};
  if (driver == Driver::cdi) {
    request.device_ids = cdi_names(gpus, machine).value();
  } else {
    for (const model::Gpu& gpu : gpus) request.device_ids.emplace_back(gpu.info.id.str());
  }
  out.device_requests.push_back(std::move(request));
}

void add_environment(Injection& out, const model::Lease& lease, const std::string& uuids) {
  Pairs& to = out.environment;
  to.reserve(4);
  to.emplace("GPUHUB_GPUS", uuids);
  to.emplace("GPUHUB_LEASE", lease.id.str());
  if (out.driver == "none") {
    // An image may ask for all GPUs by itself, and the engine's default runtime may obey.
    to.emplace("NVIDIA_DRIVER_CAPABILITIES", "");
    to.emplace("NVIDIA_VISIBLE_DEVICES", "void");
  } else if (out.driver == "nvidia") {
    // Which GPUs: the device request says it to the runtime.
    to.emplace("NVIDIA_DRIVER_CAPABILITIES", joined(lease.request.capabilities));
  } else {
    to.emplace("NVIDIA_VISIBLE_DEVICES", "void");
  }
}

void add_labels(Injection& out, const model::Lease& lease, std::string uuids) {
  const model::Owner& owner = lease.request.owner;
  std::string whose{owner.hub.str()};
  whose.append("/").append(label_text(owner.user)).append("/").append(label_text(owner.server));
  Pairs& to = out.labels;
  to.reserve(5);
  to.emplace(model::label_epoch, lease.epoch.str());
  to.emplace(model::label_gpus, std::move(uuids));
  to.emplace(model::label_lease, lease.id.str());
  to.emplace(model::label_mode, model::to_string(lease.request.mode));
  to.emplace(model::label_owner, std::move(whose));
}
}  // namespace

Made make(const model::Lease& lease, std::span<const model::Gpu> gpus, const Machine& machine) {
  Injection out;
  out.driver = "none";
  if (!gpus.empty()) {
    const Choice driver = choose(gpus, machine);
    if (!driver) return std::unexpected{driver.error()};
    out.driver = config::to_string(*driver);
    add_gpus(out, *driver, gpus, machine);
  }
  std::string names = uuids(gpus);
  add_environment(out, lease, names);
  add_labels(out, lease, std::move(names));
  return out;
}

void docker_run(const Injection& from, const std::function<void(std::string_view)>& each) {
  std::string value;
  const auto add = [&](std::string_view flag, std::initializer_list<std::string_view> parts) {
    value.clear();
    for (const auto part : parts) value += part;
    each(flag);
    each(value);
  };
  for (const auto& [key, text] : from.labels) add("--label", {key, "=", text});
  for (const auto& [key, text] : from.environment) add("--env", {key, "=", text});
  for (const DeviceRequest& request : from.device_requests) {
    if (request.driver == "nvidia") {
      // One CSV field with commas inside: the quotes belong to the value.
      add("--gpus", {"\"device=", joined(request.device_ids), "\""});
      continue;
    }
    for (const std::string& id : request.device_ids) add("--device", {id});
  }
  for (const model::DeviceNode& node : from.devices) {
    add("--device", {node.host_path, ":", node.container_path, ":rw"});
  }
  for (const model::BindMount& mount : from.mounts) {
    add("--mount", {"type=bind,source=", mount.host_path, ",target=", mount.container_path,
                    mount.read_only ? ",readonly" : ""});
  }
}

std::string label_text(std::string_view text) {
  constexpr std::string_view special = "{}/%,\"'\\";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 127 || special.contains(c)) {
      out += std::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace gpuhub::inject
