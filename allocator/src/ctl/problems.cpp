#include "ctl/problems.hpp"

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>
#include <format>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"

namespace gpuhub::ctl {
namespace {

constexpr std::string_view kind = "urn:gpuhub:problem:";

struct Remedy {
  std::string_view slug;
  const char* words;
};
constexpr std::array remedies{
    Remedy{"forbidden", "an admin's command needs the admin's socket: ./gpuhub ctl …"},
    Remedy{"no-gpu-free", "leave out --no-wait to wait for your turn; gpuctl gpus shows who holds "
                          "what"},
    Remedy{"queue-full", "later; gpuctl queue shows who waits"},
    Remedy{"owner-ending", "again in a second, or another --name"},
    Remedy{"not-found", "gpuctl leases and gpuctl gpus show what there is"},
    Remedy{"impossible", "gpuctl gpus shows what this machine has"},
    Remedy{"not-ready", "again in a few seconds; ./gpuhub status shows what is missing"},
    Remedy{"too-many-requests", "again in a second"},
    Remedy{"stale-epoch", "ask for a new lease: gpuctl acquire"},
};

}  // namespace

std::string slug_of(const boost::json::value& problem) {
  const std::string type = text_at(problem, "type");
  return type.starts_with(kind) ? type.substr(kind.size()) : std::string{};
}

std::vector<std::string> holder_lines(const boost::json::value& of) {
  std::vector<std::array<std::string, 3>> cells;
  std::array<std::size_t, 2> widths{};
  for (const auto& holder : array_at(of, "holders")) {
    const bool listed = member_at(holder, "index").is_number();
    const std::string server = text_at(holder, "server");
    cells.push_back({listed ? std::to_string(number_at(holder, "index")) : text_at(holder, "gpu"),
                     printable(text_at(holder, "user") + (server.empty() ? "" : "/" + server)),
                     text_at(holder, "since")});
    for (std::size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], columns(cells.back()[i]));
    }
  }
  std::vector<std::string> lines;
  for (const auto& [gpu, who, since] : cells) {
    lines.push_back(std::format("  GPU {}{}  {}{}  since {}", gpu,
                                std::string(widths[0] - columns(gpu), ' '), who,
                                std::string(widths[1] - columns(who), ' '), since));
  }
  if (const auto hidden = number_at(of, "hidden"); hidden > 0) {
    lines.push_back(std::format("  {} more {} not shown", hidden, hidden == 1 ? "is" : "are"));
  }
  return lines;
}

std::vector<std::string> problem_details(const boost::json::value& problem) {
  std::vector<std::string> lines = holder_lines(problem);
  for (const auto& fault : array_at(problem, "errors")) {
    lines.push_back(std::format("  {}: {}", text_at(fault, "pointer"), text_at(fault, "detail")));
  }
  return lines;
}

std::string problem_remedy(std::string_view slug, const boost::json::value& problem) {
  if (slug == "owner-active") {
    const std::string lease = text_at(member_at(problem, "lease"), "id");
    return std::format("another --name, or gpuctl release {}", lease.empty() ? "LEASE" : lease);
  }
  const auto found = std::ranges::find(remedies, slug, &Remedy::slug);
  return found != remedies.end() ? found->words : "";
}

}  // namespace gpuhub::ctl
