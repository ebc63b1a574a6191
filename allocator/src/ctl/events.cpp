// gpuctl events: every change as it happens, a line each.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdio>
#include <format>
#include <optional>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/commands.hpp"
#include "ctl/gpu_parts.hpp"
#include "http/client.hpp"

namespace gpuhub::ctl {
namespace {

// "L-1 ana/train: active, GPU 0,1"
std::string lease_words(const boost::json::value& lease) {
  std::string words = std::format("{} {}: {}", text_at(lease, "id"),
                                  person(member_at(lease, "owner")), lease_state(lease));
  std::string indices;
  for (const auto& gpu : array_at(lease, "gpus")) {
    indices += (indices.empty() ? ", GPU " : ",") + std::to_string(number_at(gpu, "index"));
  }
  return words + indices;
}

// A container that is in conflict or foreign: "train (0123456789ab) on GPU-1, GPU-2"
std::string container_words(const boost::json::value& container) {
  const std::string name = text_at(container, "name");
  std::string words = (name.empty() ? "" : name + " ") + "(" +
                      text_at(container, "container").substr(0, 12) + ")";
  std::string uuids;
  for (const auto& gpu : array_at(container, "gpus")) {
    const auto* text = gpu.if_string();
    const std::string uuid = text != nullptr ? std::string{*text} : text_at(gpu, "uuid");
    uuids += (uuids.empty() ? " on " : ", ") + uuid;
  }
  return words + uuids + (truth_at(container, "gone") ? ", gone" : "");
}

std::string words_of(const std::string& kind, const boost::json::value& data) {
  if (kind == "lease") return lease_words(data);
  if (kind == "gpu") {
    return std::format("GPU {} ({}): {}, held by {}", number_at(data, "index"),
                       text_at(data, "uuid"), gpu_state(data), gpu_holders(data));
  }
  return container_words(data);
}

// Lines of a stream of server-sent events, empty ones left out: an event's data is on one line.
class Printer {
 public:
  explicit Printer(bool json) : json_(json) {}

  void take(std::string_view line) {
    if (line.starts_with("event:")) kind_ = value_of(line, 6);
    if (!line.starts_with("data:")) return;
    boost::system::error_code error;
    auto data = boost::json::parse(value_of(line, 5), error);
    if (error) return;  // not this API's
    if (json_) {
      print_json(boost::json::object{{"event", kind_}, {"data", std::move(data)}});
    } else {
      const auto now =
          std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
      std::println("{:%FT%T}Z  {:<8}  {}", now, printable(kind_), printable(words_of(kind_, data)));
    }
    std::fflush(stdout);  // whoever reads a pipe waits for it
  }

 private:
  static std::string value_of(std::string_view line, std::size_t from) {
    line.remove_prefix(from);
    if (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with('\r')) line.remove_suffix(1);
    return std::string{line};
  }
  bool json_;
  std::string kind_;
};

}  // namespace

int events(const Common& common) {
  http::Loop loop;
  http::Client client{loop, common.socket, {}};
  Printer printer{common.json};
  std::optional<http::ClientError> end;
  client.stream("/v1/events", {.opened = [] {},
                               .line = [&](std::string_view line) { printer.take(line); },
                               .ended = [&](http::ClientError why) { end = std::move(why); }});
  while (!end) loop.run_until([&] { return end.has_value(); }, std::chrono::hours{1});
  const auto why = read_answer(common.socket, std::unexpected(std::move(*end)));
  return fail(why.error().message);
}

}  // namespace gpuhub::ctl
