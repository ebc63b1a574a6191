// What gpuhub.toml says, as plain values with their defaults. Made only by read() (read.hpp), so
// what stands here was checked. docs/configuration.md explains each key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/notebook.hpp"
#include "config/people.hpp"
#include "model/gpu.hpp"
#include "model/record.hpp"
#include "model/units.hpp"

namespace gpuhub::config {

enum class TlsMode : std::uint8_t { none, files, self_signed, behind_proxy };
enum class ShowHolders : std::uint8_t { all, group, none };
enum class Conflicts : std::uint8_t { report, stop };
enum class ForeignUse : std::uint8_t { avoid, count };
enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogFormat : std::uint8_t { text, json };
enum class Source : std::uint8_t { nvml, listed };
// How GPUs get into a container; `automatic`: by what the engine can do.
enum class Driver : std::uint8_t { automatic, cdi, nvidia, devices };

struct Hub {
  std::string name = "hub";
  std::string address = "127.0.0.1";  // an IP address; other than loopback only with [tls]
  int port = 8000;
  std::string public_url;             // where people find it, if not at address and port
  std::vector<std::string> admins;
  int named_servers = 3;              // per person, beside the unnamed one
  model::Duration start_timeout{120'000};  // < Allocator::bind_timeout
};
struct Tls {
  TlsMode mode = TlsMode::none;
  std::string certificate;  // of `files`: absolute paths on the host
  std::string key;
  std::vector<std::string> proxies;   // of `behind_proxy`: whose X-Forwarded-For counts
};
struct Allocator {
  model::Duration bind_timeout{180'000};
  ShowHolders show_holders = ShowHolders::all;
  Conflicts conflicts = Conflicts::report;
  int history = 10'000;
  LogLevel log = LogLevel::info;
  LogFormat log_format = LogFormat::text;
};
struct Queue {
  bool enabled = true;                 // false: what does not fit now is refused at once
  int max = 100;                       // waiting at once
  model::Duration timeout{24 * 3'600'000};     // the longest wait
  model::Duration renew_timeout{300'000};
  model::Duration reserve_after{900'000};
};
struct Local {                         // people of this host, without a hub
  bool enabled = false;
  std::string group = "docker";        // of the host: whose members may ask
};
struct Gpus {
  Source source = Source::nvml;
  std::string policy = "least_used";
  int slots = 1;
  Driver driver = Driver::automatic;
  std::vector<std::string> capabilities{"compute", "utility"};
  ForeignUse foreign = ForeignUse::avoid;
  std::vector<std::string> watchers;         // containers or images that only watch
  model::Duration fault_quiet{600'000};
  std::vector<int> ignore_xids;              // more that are the application's own fault
  std::vector<model::GpuSetting> overrides;  // distinct GPUs
  std::vector<model::GpuInfo> listed;        // distinct GPUs
};
struct Idle {
  int busy_percent = 1;
  model::Duration sample_every{2000};
};
struct Simulation {
  int gpus = 4;
  std::string model = "A100-40G";
};
struct Config {
  Hub hub;
  Tls tls;
  Allocator allocator;
  Queue queue;
  Local local;
  Gpus gpus;
  Idle idle;
  std::optional<Simulation> simulation;  // set: the GPUs are made up
  Notebook notebook;
  std::vector<Profile> profiles;         // never empty
  Auth auth;
  Spawner spawner;
};

// True for a driver capability that NVIDIA's toolkit knows; these are named by the second.
bool is_capability(std::string_view text);
inline constexpr std::string_view capabilities_allowed =
    R"("compute", "utility", "graphics", "video", "display", "compat32", "ngx", "all")";

std::string_view to_string(TlsMode mode);
std::string_view to_string(Driver driver);
std::string_view to_string(Source source);

}  // namespace gpuhub::config
