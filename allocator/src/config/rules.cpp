#include "config/rules.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <string>

#include "model/ids.hpp"

namespace gpuhub::config::rules {
namespace {
bool is_control(char c) { return (c >= 0 && c < ' ') || c == 127; }

bool is_absolute(std::string_view path) {
  return path.starts_with('/') && path.size() <= 4095 && path.find("/../") == path.npos &&
         path.find_first_of(":'\"\\") == path.npos &&
         std::ranges::none_of(path, is_control);
}
// Parts between colons.
std::size_t colons(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count(text, ':'));
}
bool good_slug(std::string_view t) {
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !t.empty() && t.size() <= 64 && std::ranges::all_of(t, ok);
}
bool good_address(std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  const std::string copy{text};
  return inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1;
}
bool good_account(std::string_view t) {
  return is_plain_text(t, 255) && !t.empty() && t.find_first_of(" :,/\"'{}") == t.npos;
}
bool good_device(std::string_view t) {
  if (colons(t) > 1) return false;
  const auto colon = std::min(t.find(':'), t.size());
  return is_absolute(t.substr(0, colon)) &&
         (colon == t.size() || is_absolute(t.substr(colon + 1)));
}
bool good_mount(std::string_view t) {
  const auto first = t.find(':');
  if (first == t.npos || colons(t) > 2) return false;
  const auto second = std::min(t.find(':', first + 1), t.size());
  const std::string_view access = second == t.size() ? "ro" : t.substr(second + 1);
  return is_absolute(t.substr(0, first)) && is_absolute(t.substr(first + 1, second - first - 1)) &&
         (access == "ro" || access == "rw");
}
bool good_image(std::string_view t) {
  return model::is_plain_name(t.substr(0, 1), 1) && t.size() <= 255 &&
         std::ranges::all_of(t, [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\''; });
}
}  // namespace

bool is_plain_text(std::string_view text, std::size_t most) {
  return text.size() <= most && std::ranges::none_of(text, is_control);  // TOML is UTF-8 by itself
}

bool is_loopback(std::string_view ip) {
  return ip.starts_with("127.") || ip == "::1" || ip == "0:0:0:0:0:0:0:1";
}

const TextRule hub_name{model::HubTag::valid, "1 to 32 of a-z, 0-9 and -"};
const TextRule address{good_address, R"(an IP address, e.g. "127.0.0.1", "0.0.0.0" or "::1")"};
const TextRule account{good_account, "the name of an account, e.g. \"ana\""};
const TextRule group{good_account, "the name of a group of this machine, e.g. \"docker\""};
const TextRule watcher{good_image,
                       "the name of a container, or of an image without its tag, e.g. \"dcgm-exporter\""};
const TextRule host_path{is_absolute, "an absolute path, e.g. \"/etc/ssl/hub/fullchain.pem\""};
const TextRule gpu_id{model::GpuTag::valid,
                      "a GPU's UUID, e.g. \"GPU-1b2c…\", as gpuctl gpus shows it"};
const TextRule label{[](std::string_view t) { return is_plain_text(t, 64); },
                     "up to 64 bytes of text"};
const TextRule gpu_model{[](std::string_view t) { return !t.empty() && is_plain_text(t, 128); },
                         "1 to 128 bytes of text"};
const TextRule device{good_device, R"("/dev/NAME" or "/dev/NAME:/dev/NAME-IN-CONTAINER")"};
const TextRule mount{good_mount,
                     R"("/host/path:/container/path", with ":rw" if it may be written)"};
const TextRule image{good_image,
                     "the name of an image, e.g. \"gpuhub/notebook:" GPUHUB_VERSION "\""};
const TextRule slug{good_slug, "1 to 64 of a-z, 0-9 and -"};
const TextRule display_name{[](std::string_view t) { return !t.empty() && is_plain_text(t, 128); },
                            "1 to 128 bytes of text"};
const TextRule description{[](std::string_view t) { return is_plain_text(t, 512); },
                           "up to 512 bytes of text"};
const TextRule capability{is_capability, capabilities_allowed};

}  // namespace gpuhub::config::rules
