#include "ctl/lease_parts.hpp"

#include <boost/json/value.hpp>
#include <format>

#include "ctl/words.hpp"
#include "model/ids.hpp"

namespace gpuhub::ctl {
namespace {

constexpr int bind_tries = 3;

// Text in a query.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = model::is_plain_name({&c, 1}, 1);
    out += plain ? std::string{c} : std::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

bool is_plain(char c) {
  return model::is_plain_name({&c, 1}, 1) || c == '/' || c == '=' || c == ',' || c == '@';
}

}  // namespace

std::optional<std::vector<std::string>> docker_arguments(const boost::json::value& lease) {
  const auto* given = member_at(member_at(lease, "inject"), "docker_run").if_array();
  if (given == nullptr) return std::nullopt;
  std::vector<std::string> arguments;
  for (const auto& one : *given) {
    const auto* text = one.if_string();
    if (text == nullptr) return std::nullopt;
    arguments.emplace_back(*text);
  }
  return arguments;
}

std::expected<boost::json::value, Failure> bind_lease(const std::string& socket,
                                                      const boost::json::value& lease,
                                                      const std::string& container) {
  const std::string target = "/v1/leases/" + text_at(lease, "id") + "/bind";
  const boost::json::object body{{"container", container}, {"epoch", text_at(lease, "epoch")}};
  for (int tried = 1;; ++tried) {
    auto bound = call_good(socket, "POST", target, body);
    if (bound || !bound.error().unheard || tried == bind_tries) return bound;
  }
}

std::string lease_target(std::string_view lease, std::int64_t wait_s, std::string_view revision) {
  std::string target = std::format("/v1/leases/{}?wait={}", lease, wait_s);
  if (!revision.empty()) target += "&revision=" + encoded(revision);
  return target;
}

std::optional<std::chrono::milliseconds> time_left(std::string_view instant) {
  using namespace std::chrono;
  return time_until(instant, floor<milliseconds>(system_clock::now()));
}

std::string shell_word(std::string_view text) {
  bool plain = !text.empty();
  for (const char c : text) plain = plain && is_plain(c);
  if (plain) return std::string{text};
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string{R"('\'')"} : std::string{c};
  return out + "'";
}

}  // namespace gpuhub::ctl
