// Names of things as distinct types, made once at the edge by parse() and only compared after that.
// A copy shares the text: a lease holds half a dozen of them and is copied at every step.
// Values are short ASCII (bounds below) and never hold commas, braces, quotes or white space, so
// they can stand in a label, a log line or a URL as they are.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "model/shared_name.hpp"

namespace gpuhub::model {

// True if `text` is 1..`max` characters of letters, digits and `._:-`.
constexpr bool is_plain_name(std::string_view text, std::size_t max) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  };
  return !text.empty() && text.size() <= max && std::ranges::all_of(text, plain);
}

// One kind of id. `Tag` gives it its rule: static constexpr bool valid(std::string_view).
template <typename Tag>
class Id {
 public:
  // nullopt if `text` breaks the kind's rule.
  static std::optional<Id> parse(std::string_view text) {
    if (!Tag::valid(text)) return std::nullopt;
    return Id{SharedName{text}};
  }
  // Not of one that was moved from. The text lives as long as any copy of the id.
  std::string_view str() const { return name_.text(); }
  std::size_t hash() const { return name_.hash(); }
  bool operator==(const Id& other) const { return name_ == other.name_; }
  std::strong_ordering operator<=>(const Id& other) const { return str() <=> other.str(); }

 private:
  explicit Id(SharedName name) : name_(std::move(name)) {}
  SharedName name_;
};

struct GpuTag {  // "GPU-…", "MIG-…", or the name that a listed inventory gives
  static constexpr bool valid(std::string_view t) { return is_plain_name(t, 96); }
};
struct LeaseTag {  // "L-<epoch>-<serial>"
  static constexpr bool valid(std::string_view t) {
    return t.starts_with("L-") && is_plain_name(t, 64);
  }
};
struct RequestTag {
  static constexpr bool valid(std::string_view t) { return is_plain_name(t, 128); }
};
struct ContainerTag {  // the engine's full id
  static constexpr bool valid(std::string_view t) {
    const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    return t.size() == 64 && std::ranges::all_of(t, hex);
  }
};
struct HubTag {  // a hub's name: [a-z0-9-], at most 32
  static constexpr bool valid(std::string_view t) {
    const auto ok = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return !t.empty() && t.size() <= 32 && std::ranges::all_of(t, ok);
  }
};
struct HostTag {
  static constexpr bool valid(std::string_view t) { return is_plain_name(t, 64); }
};
struct EpochTag {  // one life of the store; a new one is drawn when a store is made
  static constexpr bool valid(std::string_view t) { return is_plain_name(t, 32); }
};

using GpuId = Id<GpuTag>;
using LeaseId = Id<LeaseTag>;
using RequestId = Id<RequestTag>;
using ContainerId = Id<ContainerTag>;
using HubName = Id<HubTag>;
using HostName = Id<HostTag>;
using Epoch = Id<EpochTag>;

}  // namespace gpuhub::model

template <typename Tag>
struct std::hash<gpuhub::model::Id<Tag>> {
  std::size_t operator()(const gpuhub::model::Id<Tag>& id) const noexcept {
    return id.hash();
  }
};
