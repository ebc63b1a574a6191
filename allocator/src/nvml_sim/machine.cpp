#include "nvml_sim/machine.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <charconv>
#include <format>
#include <set>
#include <utility>

#include "nvml_sim/json_reader.hpp"

namespace gpuhub::nvml_sim {
namespace {

namespace json = boost::json;
using std::string_view;

constexpr std::uint64_t kMemoryMaxMib = 1U << 24U;
constexpr std::uint64_t kPercent = 100;
constexpr unsigned kPluggedMax = 1U << 30U;
constexpr unsigned kMinorMax = (1U << 20U) - 1;
constexpr unsigned kMajorMax = 511;
constexpr unsigned kInitCodeMax = 999;

bool is_driver_version(string_view text) {
  return !text.empty() && text.size() < 40 &&
         text.find_first_not_of("0123456789.") == string_view::npos;
}

// "12.4" -> 12040; 0 when it is something else.
int cuda_number(string_view text) {
  unsigned major = 0;
  unsigned minor = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return 0;
  const auto second = std::from_chars(first.ptr + 1, end, minor);
  if (second.ec != std::errc{} || second.ptr != end || major > 99 || minor > 9) return 0;
  return static_cast<int>(1000 * major + 10 * minor);
}

Gpu read_gpu(const json::value& value, const std::string& where, std::string& error) {
  JsonReader from(value, where, error);
  from.only({"uuid", "model", "minor", "pci"});
  Gpu gpu;
  gpu.uuid = from.text("uuid", true);
  if (!is_gpu_uuid(gpu.uuid)) from.fail("uuid", "must be GPU- and a UUID in small letters");
  gpu.model = find_model(from.text("model", true));
  if (gpu.model == nullptr) {
    std::string known;
    for (const auto& model : models()) known += std::format(" {}", model.key);
    from.fail("model", "must be one of:" + known);
  }
  gpu.minor = static_cast<unsigned>(from.number("minor", kMinorMax, true));
  if (const auto pci = parse_pci(from.text("pci", true))) {
    gpu.pci = *pci;
  } else {
    from.fail("pci", pci.error());
  }
  return gpu;
}

void require_distinct(const Machine& machine, std::string& error) {
  std::set<std::string> seen;
  for (const auto& gpu : machine.gpus) {
    for (const auto& key : {gpu.uuid, std::format("minor {}", gpu.minor), to_string(gpu.pci)}) {
      if (!seen.insert(key).second && error.empty()) error = key + " is given twice";
    }
  }
}

constexpr std::array<std::pair<string_view, bool Quirks::*>, 6> kQuirks{{
    {"mig", &Quirks::mig},
    {"hangs", &Quirks::hangs},
    {"lies", &Quirks::lies},
    {"no_rates", &Quirks::no_rates},
    {"no_processes", &Quirks::no_processes},
    {"no_process_util", &Quirks::no_process_util},
}};

Quirks read_quirks(JsonReader& from) {
  const auto* list = from.list("quirks", kQuirks.size(), false);
  if (list == nullptr) return {};
  std::vector<std::string> names;
  for (const auto& name : *list) {
    names.emplace_back(name.is_string() ? string_view(name.get_string()).substr(0, 64) : "");
  }
  const auto quirks = parse_quirks(names);
  if (!quirks) from.fail("quirks", quirks.error());
  return quirks.value_or(Quirks{});
}

Process read_process(const json::value& value, const std::string& where, std::string& error) {
  JsonReader from(value, where, error);
  from.only({"pid", "memory_mib", "gpu_util", "kind"});
  Process process;
  process.pid = static_cast<unsigned>(from.number("pid", 1U << 22U, true));
  process.memory_mib = from.number("memory_mib", kMemoryMaxMib, false);
  process.gpu_util = static_cast<unsigned>(from.number("gpu_util", kPercent, false));
  const auto kind = from.text("kind", false);
  if (kind == "graphics") {
    process.kind = ProcessKind::graphics;
  } else if (kind == "mps") {
    process.kind = ProcessKind::mps;
  } else if (!kind.empty() && kind != "compute") {
    from.fail("kind", "must be compute, graphics or mps");
  }
  return process;
}

Load read_load(const json::value& value, const std::string& where, std::string& error) {
  JsonReader from(value, where, error);
  from.only({"gpu_util", "mem_util", "encoder_util", "decoder_util", "memory_used_mib", "lost",
             "unplugged", "plugged", "processes", "quirks"});
  Load load;
  load.gpu_util = static_cast<unsigned>(from.number("gpu_util", kPercent, false));
  load.mem_util = static_cast<unsigned>(from.number("mem_util", kPercent, false));
  load.encoder_util = static_cast<unsigned>(from.number("encoder_util", kPercent, false));
  load.decoder_util = static_cast<unsigned>(from.number("decoder_util", kPercent, false));
  load.memory_used_mib = from.number("memory_used_mib", kMemoryMaxMib, false);
  load.lost = from.flag("lost");
  load.unplugged = from.flag("unplugged");
  load.plugged = static_cast<unsigned>(from.number("plugged", kPluggedMax, false));
  load.quirks = read_quirks(from);
  if (const auto* processes = from.list("processes", kMaxProcesses, false)) {
    for (const auto& process : *processes) {
      const auto at = std::format("{}.processes[{}]", where, load.processes.size());
      load.processes.push_back(read_process(process, at, error));
    }
  }
  return load;
}

// Only where it matters: a library from before these keys refuses what it does not know.
std::string plugs_json(const Load& load) {
  std::string out;
  if (load.unplugged) out += "\"unplugged\":true,";
  if (load.plugged > 0) out += std::format("\"plugged\":{},", load.plugged);
  return out;
}

std::string quirks_json(const Quirks& quirks) {
  std::string out;
  for (const auto name : quirk_names(quirks)) {
    out += std::format("{}\"{}\"", out.empty() ? "" : ",", name);
  }
  return out.empty() ? out : std::format("\"quirks\":[{}],", out);
}

string_view kind_name(ProcessKind kind) {
  switch (kind) {
    case ProcessKind::compute: return "compute";
    case ProcessKind::graphics: return "graphics";
    case ProcessKind::mps: return "mps";
  }
  return "compute";
}

std::string processes_json(const std::vector<Process>& processes) {
  std::string out;
  for (const auto& process : processes) {
    out += std::format(R"({}{{"pid":{},"memory_mib":{},"gpu_util":{},"kind":"{}"}})",
                       out.empty() ? "" : ",", process.pid, process.memory_mib, process.gpu_util,
                       kind_name(process.kind));
  }
  return out;
}

}  // namespace

std::expected<Quirks, std::string> parse_quirks(std::span<const std::string> names) {
  Quirks out;
  for (const string_view name : names) {
    const auto found = std::ranges::find(kQuirks, name, &decltype(kQuirks)::value_type::first);
    if (found == kQuirks.end()) {
      std::string known;
      for (const auto& [each, member] : kQuirks) known += std::format(" {}", each);
      return std::unexpected("must be some of:" + known);
    }
    out.*found->second = true;
  }
  return out;
}

std::vector<string_view> quirk_names(const Quirks& quirks) {
  std::vector<string_view> out;
  for (const auto& [name, member] : kQuirks) {
    if (quirks.*member) out.push_back(name);
  }
  return out;
}

bool is_gpu_uuid(string_view text) {
  if (text.size() != 40 || !text.starts_with("GPU-")) return false;
  for (std::size_t at = 4; at < text.size(); ++at) {
    const bool dash = at == 12 || at == 17 || at == 22 || at == 27;
    const char c = text[at];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::expected<Machine, std::string> parse_machine(string_view text) {
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  std::string error;
  JsonReader from(*value, "", error);
  from.only({"driver_version", "cuda_version", "major", "init_code", "gpus"});
  Machine machine;
  machine.driver_version = from.text("driver_version", true);
  if (!is_driver_version(machine.driver_version)) {
    from.fail("driver_version", "must be digits and dots, as 550.163.01");
  }
  machine.cuda_version = cuda_number(from.text("cuda_version", true));
  if (machine.cuda_version == 0) from.fail("cuda_version", "must be like 12.4");
  machine.major = static_cast<unsigned>(from.number("major", kMajorMax, true));
  machine.init_code = static_cast<int>(from.number("init_code", kInitCodeMax, false));
  if (const auto* gpus = from.list("gpus", kMaxGpus, true)) {
    for (const auto& gpu : *gpus) {
      const auto where = std::format("gpus[{}]", machine.gpus.size());
      machine.gpus.push_back(read_gpu(gpu, where, error));
    }
  }
  require_distinct(machine, error);
  if (!error.empty()) return std::unexpected(error);
  std::ranges::sort(machine.gpus, {}, &Gpu::minor);
  return machine;
}

std::expected<Loads, std::string> parse_loads(string_view text) {
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  std::string error;
  const JsonReader from(*value, "", error);
  Loads loads;
  if (from.object() != nullptr) {
    for (const auto& [uuid, load] : *from.object()) {
      if (!is_gpu_uuid(uuid) || loads.size() >= kMaxGpus) {
        return std::unexpected(std::format("{} is no UUID of a GPU, or the {}th one",
                                           string_view(uuid).substr(0, 64), kMaxGpus + 1));
      }
      loads.emplace(uuid, read_load(load, std::string(uuid), error));
    }
  }
  if (!error.empty()) return std::unexpected(error);
  return loads;
}

std::string to_json(const Machine& machine) {
  std::string gpus;
  for (const auto& gpu : machine.gpus) {
    gpus += std::format("{}\n  {{\"uuid\":\"{}\",\"model\":\"{}\",\"minor\":{},\"pci\":\"{}\"}}",
                        gpus.empty() ? "" : ",", gpu.uuid, gpu.model->key, gpu.minor,
                        to_string(gpu.pci));
  }
  return std::format(
      "{{\"driver_version\":\"{}\",\"cuda_version\":\"{}.{}\",\"major\":{},{}\"gpus\":[{}\n]}}\n",
      machine.driver_version, machine.cuda_version / 1000, machine.cuda_version % 1000 / 10,
      machine.major,
      machine.init_code == 0 ? "" : std::format("\"init_code\":{},", machine.init_code), gpus);
}

std::string to_json(const Loads& loads) {
  std::string out;
  for (const auto& [uuid, load] : loads) {
    out += std::format(
        "{}\n\"{}\":{{\"gpu_util\":{},\"mem_util\":{},\"encoder_util\":{},\"decoder_util\":{},"
        "\"memory_used_mib\":{},\"lost\":{},{}{}\"processes\":[{}]}}",
        out.empty() ? "" : ",", uuid, load.gpu_util, load.mem_util, load.encoder_util,
        load.decoder_util, load.memory_used_mib, load.lost, plugs_json(load),
        quirks_json(load.quirks),
        processes_json(load.processes));
  }
  return "{" + out + "\n}\n";
}

std::string to_string(const PciAddress& address, bool legacy) {
  return std::format("{:0{}X}:{:02X}:{:02X}.0", address.domain, legacy ? 4 : 8, address.bus,
                     address.device);
}

std::expected<PciAddress, std::string> parse_pci(string_view text) {
  const auto wrong = std::unexpected(std::string("must be like 00000000:07:00.0"));
  if (!text.ends_with(".0")) return wrong;
  text.remove_suffix(2);
  const auto last = text.rfind(':');
  if (last == string_view::npos || last == 0) return wrong;
  const auto middle = text.rfind(':', last - 1);
  const auto device = text.substr(last + 1);
  const auto bus = middle == string_view::npos ? text.substr(0, last)
                                               : text.substr(middle + 1, last - middle - 1);
  const auto domain = middle == string_view::npos ? string_view("0000") : text.substr(0, middle);
  const auto hex = [](string_view digits, unsigned& into) {
    const auto* end = digits.data() + digits.size();
    const auto done = std::from_chars(digits.data(), end, into, 16);
    return done.ec == std::errc{} && done.ptr == end;
  };
  PciAddress address;
  const bool sizes = (domain.size() == 4 || domain.size() == 8) && bus.size() == 2 &&
                     device.size() == 2;
  if (!sizes || !hex(domain, address.domain) || !hex(bus, address.bus) ||
      !hex(device, address.device) || address.device > 31) {
    return wrong;
  }
  return address;
}

}  // namespace gpuhub::nvml_sim
