#include "inject/inject.hpp"

#include <algorithm>
#include <format>

#include "model/assert.hpp"
#include "model/labels.hpp"

namespace gpuhub::inject {
namespace {
using config::Driver;

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

std::string uuids(std::span<const model::Gpu> gpus) {
  std::vector<std::string> ids;
  for (const model::Gpu& gpu : gpus) ids.push_back(gpu.info.id.str());
  return joined(ids);
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
    const std::string& id = gpu.info.id.str();
    return id.starts_with("GPU-") || id.starts_with("MIG-");
  });
}

using Choice = std::expected<Driver, std::string>;

Choice checked(Driver driver, std::span<const model::Gpu> gpus, const Machine& machine) {
  const std::string names = uuids(gpus);
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
          "gpus.driver is \"devices\", but no device nodes are listed for all of {}", names)};
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
      add_new(out.devices, gpu.info.devices);
      add_new(out.mounts, gpu.info.mounts);
    }
    return;
  }
  DeviceRequest request{std::string{config::to_string(driver)}, {}};
  if (driver == Driver::cdi) {
    request.device_ids = cdi_names(gpus, machine).value();
  } else {
    for (const model::Gpu& gpu : gpus) request.device_ids.push_back(gpu.info.id.str());
  }
  out.device_requests.push_back(std::move(request));
}

void add_environment(Injection& out, const model::Lease& lease, std::span<const model::Gpu> gpus) {
  out.environment["GPUHUB_LEASE"] = lease.id.str();
  out.environment["GPUHUB_GPUS"] = uuids(gpus);
  if (gpus.empty()) {
    // An image may ask for all GPUs by itself, and the engine's default runtime may obey.
    out.environment["NVIDIA_VISIBLE_DEVICES"] = "void";
    out.environment["NVIDIA_DRIVER_CAPABILITIES"] = "";
  } else if (out.driver == "nvidia") {
    // Which GPUs: the device request says it to the runtime.
    out.environment["NVIDIA_DRIVER_CAPABILITIES"] = joined(lease.request.capabilities);
  } else {
    out.environment["NVIDIA_VISIBLE_DEVICES"] = "void";
  }
}

void add_labels(Injection& out, const model::Lease& lease, std::span<const model::Gpu> gpus) {
  const model::Owner& owner = lease.request.owner;
  out.labels[std::string{model::label_lease}] = lease.id.str();
  out.labels[std::string{model::label_owner}] =
      owner.hub.str() + '/' + label_text(owner.user) + '/' + label_text(owner.server);
  out.labels[std::string{model::label_gpus}] = uuids(gpus);
  out.labels[std::string{model::label_mode}] = model::to_string(lease.request.mode);
  out.labels[std::string{model::label_epoch}] = lease.epoch.str();
}

std::vector<std::string> as_arguments(const Injection& from) {
  std::vector<std::string> out;
  const auto add = [&out](std::string flag, std::string value) {
    out.push_back(std::move(flag));
    out.push_back(std::move(value));
  };
  for (const auto& [key, value] : from.labels) add("--label", key + "=" + value);
  for (const auto& [key, value] : from.environment) add("--env", key + "=" + value);
  for (const DeviceRequest& request : from.device_requests) {
    if (request.driver == "nvidia") {
      // One CSV field with commas inside: the quotes belong to the value.
      add("--gpus", "\"device=" + joined(request.device_ids) + "\"");
      continue;
    }
    for (const std::string& id : request.device_ids) add("--device", id);
  }
  for (const model::DeviceNode& node : from.devices) {
    add("--device", node.host_path + ":" + node.container_path + ":rw");
  }
  for (const model::BindMount& mount : from.mounts) {
    add("--mount", std::format("type=bind,source={},target={}{}", mount.host_path,
                               mount.container_path, mount.read_only ? ",readonly" : ""));
  }
  return out;
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
  add_environment(out, lease, gpus);
  add_labels(out, lease, gpus);
  out.docker_run = as_arguments(out);
  return out;
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
