#include "model/labels.hpp"

#include <set>
#include <utility>

namespace gpuhub::model {
namespace {
constexpr std::string_view hex_digits = "0123456789ABCDEF";

std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digits.find(text[i + 1]);
    const auto low = hex_digits.find(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// Length of the UTF-8 sequence at the front of `text`, 0 if it is not a valid one.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
  if (lead == 0xED && byte(1) > 0x9F) return 0;  // surrogates
  if (lead == 0xF0 && byte(1) < 0x90) return 0;  // overlong
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;  // above U+10FFFF
  return length;
}

std::optional<std::vector<GpuId>> parse_gpus(std::string_view text) {
  std::vector<GpuId> gpus;
  std::set<GpuId> seen;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto id = GpuId::parse(text.substr(0, comma));
    if (!id || !seen.insert(*id).second || gpus.size() == gpus_max) return std::nullopt;
    gpus.push_back(std::move(*id));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return std::nullopt;  // a trailing comma
  }
  return gpus;
}

std::optional<std::string_view> value(const Labels& labels, std::string_view key) {
  const auto at = labels.find(std::string{key});
  if (at == labels.end()) return std::nullopt;
  return at->second;
}
}  // namespace

bool is_user_name(std::string_view text) {
  if (text.empty() || text.size() > 255) return false;
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    if (c < 0x20 || c == 0x7F) return false;
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::optional<Owner> parse_owner_label(std::string_view text) {
  const auto first = text.find('/');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = text.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  if (text.find('/', second + 1) != std::string_view::npos) return std::nullopt;
  auto hub = HubName::parse(text.substr(0, first));
  auto user = unescape(text.substr(first + 1, second - first - 1));
  auto server = unescape(text.substr(second + 1));
  if (!hub || !user || !server || !is_user_name(*user)) return std::nullopt;
  if (!server->empty() && !is_user_name(*server)) return std::nullopt;
  return Owner{std::move(*hub), std::move(*user), std::move(*server)};
}

LabelledLease read_labels(const Labels& labels) {
  LabelledLease out;
  if (const auto text = value(labels, label_lease)) out.lease = LeaseId::parse(*text);
  if (const auto text = value(labels, label_owner)) out.owner = parse_owner_label(*text);
  if (const auto text = value(labels, label_gpus)) out.gpus = parse_gpus(*text);
  if (const auto text = value(labels, label_mode)) out.mode = parse_mode(*text);
  if (const auto text = value(labels, label_epoch)) out.epoch = Epoch::parse(*text);
  return out;
}

}  // namespace gpuhub::model
