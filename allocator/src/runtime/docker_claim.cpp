#include "runtime/docker_claim.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <ranges>
#include <string>
#include <utility>

namespace gpuhub::runtime {
namespace {

constexpr std::string_view visible_variable = "NVIDIA_VISIBLE_DEVICES";
constexpr std::string_view capabilities_variable = "NVIDIA_DRIVER_CAPABILITIES";
constexpr std::string_view nvidia_major = "195";  // the kernel's list gives it to NVIDIA
constexpr int nvidia_minor_max = 253;             // above: control devices
constexpr std::size_t path_bytes_max = 4096;      // the kernel's limit
constexpr std::size_t rule_bytes_max = 64;        // "c 195:0 rwm"
// What a device request may ask of NVIDIA's driver; the engine matches a request against these.
constexpr std::array<std::string_view, 2> plain_capabilities{"gpu", "nvidia"};
constexpr std::array<std::string_view, 6> driver_capabilities{"compute", "compat32", "graphics",
                                                              "utility", "video",    "display"};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Adds the parts between commas, without blanks around them and without empty ones; stops at one
// more than a claim may have.
void split(std::string_view text, Words& to) {
  for (const auto part : std::views::split(text, ',')) {
    if (to.size() > model::claim_words_max) return;
    const auto word = trimmed(std::string_view{part.begin(), part.end()});
    if (!word.empty()) to.push_back(word);
  }
}
Words split(std::string_view text) {
  Words parts;
  split(text, parts);
  return parts;
}

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// nullopt: not set. Of several the last counts, as in NVIDIA's toolkit.
std::optional<std::string_view> variable(const Words& environment, std::string_view name) {
  std::optional<std::string_view> value;
  for (const std::string_view entry : environment) {
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('=')) {
      value = entry.substr(name.size() + 1);
    }
  }
  return value;
}

// The toolkit's rule for images from before NVIDIA_REQUIRE_CUDA: they get all GPUs unasked.
bool legacy_image(const Words& environment) {
  return !variable(environment, "CUDA_VERSION").value_or("").empty() &&
         variable(environment, "NVIDIA_REQUIRE_CUDA").value_or("").empty();
}

bool only_utility(const Words& capabilities) {
  return !capabilities.empty() &&
         std::ranges::all_of(capabilities, [](auto word) { return word == "utility"; });
}

// The driver's capabilities in one list of a request. nullopt: it asks for what NVIDIA has not.
std::optional<Words> of_the_driver(const Words& all_of) {
  Words words;
  for (const std::string_view word : all_of) {
    if (std::ranges::contains(plain_capabilities, word)) continue;
    if (!std::ranges::contains(driver_capabilities, word)) return std::nullopt;
    words.push_back(word);
  }
  return words;
}

// Whether the engine hands the request to NVIDIA's driver: by name ("nvidia", and of engine 29 also
// "nvidia.cdi", "nvidia.runtime-hook"), or because NVIDIA has all that one of its lists asks for.
bool for_nvidia(const DeviceRequest& request) {
  if (!request.driver.empty()) return request.driver.starts_with("nvidia");
  return std::ranges::any_of(request.capabilities, [](const Words& all_of) {
    return of_the_driver(all_of).has_value();
  });
}

class Claim {
 public:
  explicit Claim(const Configuration& from) : from_(from) {
    // Not set or empty, the toolkit takes "utility,compute".
    variable_watches_ = only_utility(split(variable(from.environment, capabilities_variable)
                                               .value_or("")));
  }
  std::optional<model::GpuClaim> read() {
    for (const DeviceRequest& request : from_.requests) take(request);
    if (from_.nvidia_runtime) take_variables();
    for (const std::string_view node : from_.nodes) take_node(node);
    // A rule alone lets nodes be opened that come another way (a mount, mknod). Whoever also says
    // which GPUs he wants has it for those.
    if (!claim_.all && claim_.first == 0 && claim_.names.empty() && !nvidia_node_) {
      for (const std::string_view rule : from_.rules) take_rule(rule);
    }
    const bool nothing = !claim_.all && claim_.first == 0 && claim_.names.empty() &&
                         claim_.nodes.empty();
    if (nothing) return std::nullopt;
    claim_.watches = watches_;
    return std::move(claim_);
  }

 private:
  void take_all() { claim_ = {.all = true, .names = {}, .nodes = {}}; }

  void add(std::vector<std::string>& to, std::string_view word) {
    if (claim_.all) return;
    if (++words_ > model::claim_words_max) return take_all();
    if (word.empty() || word.size() > model::claim_word_bytes_max || !printable(word)) return;
    if (!std::ranges::contains(to, word)) to.emplace_back(word);
  }
  void take_name(std::string_view name) {
    // "management.nvidia.com/gpu=all" and the like, too.
    const bool all = name == "all" || name.ends_with("nvidia.com/gpu=all");
    all ? take_all() : add(claim_.names, name);
  }
  // A list as NVIDIA's runtime reads it. False: it asks for none.
  bool take_visible(const Words& names) {
    const auto has = [&](std::string_view name) { return std::ranges::contains(names, name); };
    if (names.empty() || has("void") || has("none")) return false;
    if (has("all") || names.size() > model::claim_words_max) {
      take_all();
    } else {
      for (const std::string_view name : names) take_name(name);
    }
    return true;
  }
  void watch_by(bool utility_only) { watches_ = watches_ && utility_only; }

  // True if all that the request may mean is `utility`. Without the driver's words in it the
  // engine leaves the container's own variable in force.
  bool watches(const DeviceRequest& request) const {
    if (request.capabilities.empty()) return variable_watches_;
    return std::ranges::all_of(request.capabilities, [&](const Words& all_of) {
      const auto words = of_the_driver(all_of);
      return words && (words->empty() ? variable_watches_ : only_utility(*words));
    });
  }
  void take(const DeviceRequest& request) {
    bool asks = false;
    if (request.driver == "cdi") {
      asks = take_cdi(request);
    } else if (for_nvidia(request)) {
      asks = take_nvidia(request);
    }
    if (asks) watch_by(watches(request));
  }
  bool take_cdi(const DeviceRequest& request) {
    for (const std::string_view id : request.ids) {
      take_name(id);
      if (id.contains("nvidia.com/gpu=")) variable_replaced_ = true;  // the specs set it to `void`
    }
    return !request.ids.empty();
  }
  bool take_nvidia(const DeviceRequest& request) {
    Words names;
    for (const std::string_view id : request.ids) split(id, names);
    variable_replaced_ = variable_replaced_ || !request.ids.empty() || request.count != 0;
    if (request.count < 0 || std::cmp_greater(request.count, model::claim_words_max)) {
      take_all();
    } else if (!claim_.all) {
      claim_.first = std::max(claim_.first, static_cast<int>(request.count));
    }
    return take_visible(names) || request.count != 0;
  }

  void take_variables() {
    // Toolkits up to 1.17 obey annotations or the variable, by their mode; later ones annotations
    // first. Both are counted.
    for (const auto& [key, value] : from_.annotations) {
      const Words names = split(value);
      for (const std::string_view name : names) take_name(name);
      if (!names.empty()) watch_by(variable_watches_);
    }
    if (variable_replaced_) return;
    const auto value = variable(from_.environment, visible_variable);
    const bool asks = value ? take_visible(split(*value)) : legacy_image(from_.environment);
    if (!asks) return;
    if (!value) take_all();
    watch_by(variable_watches_);
  }

  // A node gives what the card can do, whatever capabilities are named elsewhere.
  void take_node(std::string_view given) {
    if (given.size() > path_bytes_max) return;
    std::string path = (std::filesystem::path{"/"} / given).lexically_normal().string();
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path == "/dev" || path == "/") return take_all_nodes();
    constexpr std::string_view nvidia = "/dev/nvidia";
    if (path.starts_with(nvidia)) {
      const std::string_view rest = std::string_view{path}.substr(nvidia.size());
      const auto digit = [](char c) { return c >= '0' && c <= '9'; };
      if (rest.empty() || !std::ranges::all_of(rest, digit)) return;  // nvidiactl, nvidia-uvm, …
      nvidia_node_ = true;
    }
    watch_by(false);
    add(claim_.nodes, path);
  }
  void take_all_nodes() {
    take_all();
    watch_by(false);
  }
  // "c 195:0 rwm"
  void take_rule(std::string_view rule) {
    if (rule.size() > rule_bytes_max) return;
    Words parts;
    for (const auto part : std::views::split(rule, ' ')) parts.emplace_back(part);
    if (parts.size() != 3 || (parts[0] != "c" && parts[0] != "a")) return;
    if (parts[2].find_first_of("rw") == std::string_view::npos) return;
    const auto colon = parts[1].find(':');
    if (colon == std::string_view::npos || parts[1].substr(0, colon) != nvidia_major) return;
    const std::string_view minor = parts[1].substr(colon + 1);
    if (minor == "*") return take_all_nodes();
    int number = 0;
    const auto [end, error] = std::from_chars(minor.begin(), minor.end(), number);
    if (error != std::errc{} || end != minor.end()) return;
    if (number < 0 || number > nvidia_minor_max) return;
    watch_by(false);
    add(claim_.nodes, "/dev/nvidia" + std::to_string(number));
  }

  const Configuration& from_;
  model::GpuClaim claim_;
  std::size_t words_ = 0;
  bool variable_watches_ = false;   // the container's own variable says `utility` only
  bool variable_replaced_ = false;  // a request's answer stands in NVIDIA_VISIBLE_DEVICES
  bool nvidia_node_ = false;
  bool watches_ = true;             // nothing so far asked for more
};

}  // namespace

std::optional<model::GpuClaim> claim_of(const Configuration& configuration) {
  return Claim{configuration}.read();
}

}  // namespace gpuhub::runtime
