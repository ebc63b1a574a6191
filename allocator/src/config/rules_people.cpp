// Rules for [auth], [spawner] and the network of [notebook].
#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <string>

#include "config/quantity.hpp"
#include "config/rules.hpp"

namespace gpuhub::config::rules {
namespace {
constexpr std::size_t text_max = 1024;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
// No blanks, quotes or characters that a shell or Compose would read.
bool is_plain_ascii(std::string_view t, std::size_t most) {
  constexpr std::string_view barred = "\"'`\\$<>|{}";
  return !t.empty() && t.size() <= most && std::ranges::all_of(t, [barred](char c) {
    return c > ' ' && c <= '~' && !barred.contains(c);
  });
}
bool good_text(std::string_view t, std::size_t most) {
  return !t.empty() && is_plain_text(t, most);
}

bool good_server(std::string_view t) {
  return !t.empty() && t.size() <= 253 && is_word(t.front()) && is_word(t.back()) &&
         std::ranges::all_of(t, [](char c) { return is_word(c) || c == '.' || c == '-'; });
}
bool good_attribute(std::string_view t) {
  return !t.empty() && t.size() <= 64 && is_word(t.front()) &&
         std::ranges::all_of(t, [](char c) { return is_word(c) || c == '-'; });
}
bool good_filter(std::string_view t) {
  return good_text(t, text_max) && t.starts_with('(') && t.ends_with(')') &&
         std::ranges::count(t, '(') == std::ranges::count(t, ')');
}
bool is_url(std::string_view t, std::string_view scheme) {
  return t.starts_with(scheme) && t.size() > scheme.size() && is_plain_ascii(t, text_max) &&
         is_word(t[scheme.size()]);
}
// Without a path: the hub lies at the root.
bool good_public_url(std::string_view t) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (is_url(t, scheme)) return t.find_first_of("/?#@", scheme.size()) == t.npos;
  }
  return false;
}
std::optional<std::uint32_t> ipv4(std::string_view t) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string{t}.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}
// "10.1.0.0/16": no bit of the address beyond those that count.
bool good_network(std::string_view t, int least, int most) {
  const auto slash = t.find('/');
  if (slash == t.npos) return false;
  const auto address = ipv4(t.substr(0, slash));
  const auto bits = parse_whole(t.substr(slash + 1), least, most);
  if (!address || !bits) return false;
  return *bits == 32 || (*address << *bits) == 0;
}
bool good_reach(std::string_view t) {
  if (good_network(t, 8, 32)) return true;
  const auto colon = std::min(t.find(':'), t.size());
  return ipv4(t.substr(0, colon)) &&
         (colon == t.size() || parse_whole(t.substr(colon + 1), 1, 65535));
}
}  // namespace

const TextRule people_group{[](std::string_view t) { return good_text(t, 255); },
                            "the name of a group, up to 255 bytes, e.g. \"gpu-users\""};
const TextRule public_url{good_public_url,
                          "https:// or http:// with a host, without a path, e.g. "
                          "\"https://hub.example.org\""};
const TextRule https_url{[](std::string_view t) { return is_url(t, "https://"); },
                         "a URL that begins with https://"};
const TextRule server{good_server,
                      "names as in the server's certificate, e.g. [\"ldap.example.org\"]"};
const TextRule dn{[](std::string_view t) { return good_text(t, text_max) && t.contains('='); },
                  "a distinguished name, e.g. \"dc=example,dc=org\""};
const TextRule directory_account{
    [](std::string_view t) { return good_text(t, text_max); },
    "the service account's distinguished name, e.g. \"cn=gpuhub,dc=example,dc=org\"; for ad also "
    "\"gpuhub@ad.example.org\", for freeipa also the name of a system account"};
const TextRule filter{good_filter, "a filter in parentheses, e.g. \"(objectClass=person)\""};
const TextRule attribute{good_attribute, "the name of an attribute, e.g. \"uid\""};
const TextRule client_id{[](std::string_view t) { return is_plain_ascii(t, 255); },
                         "the client's id as the provider knows it"};
const TextRule scope{[](std::string_view t) { return is_plain_ascii(t, 255); },
                     "names of scopes, e.g. [\"openid\", \"profile\"]"};
const TextRule claim{[](std::string_view t) { return is_plain_ascii(t, 255); },
                     "the name of a claim, e.g. \"preferred_username\""};

const TextRule reach{good_reach,
                     "an IPv4 address, with a port if only that one is meant, or a network: "
                     "\"192.0.2.4\", \"192.0.2.4:3128\", \"10.1.0.0/16\""};
const TextRule subnet{[](std::string_view t) { return good_network(t, 8, 26); },
                      "an IPv4 network of 8 to 26 bits, e.g. \"172.28.0.0/16\""};
const TextRule proxy_url{[](std::string_view t) {
                           return is_url(t, "http://") || is_url(t, "https://");
                         },
                         "a URL, e.g. \"http://proxy.example.org:3128\""};
const TextRule no_proxy{[](std::string_view t) { return is_plain_ascii(t, text_max); },
                        "names and addresses with commas between, without blanks"};

}  // namespace gpuhub::config::rules
