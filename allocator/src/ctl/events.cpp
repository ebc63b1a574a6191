// gpuctl events: every change as it happens, a line each.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdio>
#include <format>
#include <optional>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/commands.hpp"
#include "http/client.hpp"

namespace gpuhub::ctl {
namespace {

// " on GPU-1, GPU-2"; nothing if there are none.
std::string on_gpus(const boost::json::value& data) {
  std::string uuids;
  for (const auto& gpu : array_at(data, "gpus")) {
    const auto* text = gpu.if_string();
    if (text != nullptr) uuids += (uuids.empty() ? " on " : ", ") + std::string{*text};
  }
  return uuids;
}

// "L-1 ana/train: active on GPU-1". The owner's parts stand in the event itself.
std::string lease_words(const boost::json::value& data) {
  return std::format("{} {}: {}{}", text_at(data, "id"), person(data), lease_state(data),
                     on_gpus(data));
}

// "GPU-1: setting, slots 2, drain", "GPU-1: faulty, xid: fallen off the bus", "listed, 4 GPUs"
std::string gpu_words(const boost::json::value& data) {
  std::string words = text_at(data, "change");
  if (member_at(data, "slots").is_number()) {
    words += std::format(", slots {}", number_at(data, "slots"));
  }
  if (member_at(data, "label").is_string()) words += ", label " + text_at(data, "label");
  if (const auto& drain = member_at(data, "drain"); drain.is_bool()) {
    words += drain.get_bool() ? ", drain" : ", undrain";
  }
  if (const auto kind = text_at(data, "kind"); !kind.empty()) {
    words += ", " + kind + ": " + text_at(data, "detail");
  }
  if (member_at(data, "gpus").is_number()) {
    words += std::format(", {} GPUs", number_at(data, "gpus"));
  }
  const std::string uuid = text_at(data, "uuid");
  return uuid.empty() ? words : uuid + ": " + words;
}

// "train (0123456789ab) on GPU-1", "(0123456789ab): over"
std::string conflict_words(const boost::json::value& data) {
  const std::string name = text_at(data, "name");
  return std::format("{}({}){}{}", name.empty() ? "" : name + " ",
                     text_at(data, "container").substr(0, 12), on_gpus(data),
                     truth_at(data, "ended") ? ": over" : "");
}

std::string words_of(const std::string& kind, const boost::json::value& data) {
  if (kind == "lease") return lease_words(data);
  if (kind == "gpu") return gpu_words(data);
  if (kind == "conflict") return conflict_words(data);
  if (kind == "left_out") return std::format("{} changes", number_at(data, "count"));
  return boost::json::serialize(data);  // of a later allocator
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
