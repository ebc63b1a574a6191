// What the labels of a container of ours say. Written by inject, read back by the ledger when a
// container's lease is not in the books (a lost store). What is read is untrusted: anybody with the
// engine's socket can label a container as he likes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/lease.hpp"

namespace gpuhub::model {

inline constexpr std::string_view label_lease = "gpuhub.lease";
inline constexpr std::string_view label_owner = "gpuhub.owner";
inline constexpr std::string_view label_gpus = "gpuhub.gpus";
inline constexpr std::string_view label_mode = "gpuhub.mode";
inline constexpr std::string_view label_epoch = "gpuhub.epoch";

using Labels = std::map<std::string, std::string>;

// What the labels tell of a lease; each part is nullopt where its label is missing or malformed.
struct LabelledLease {
  std::optional<LeaseId> lease;
  std::optional<Owner> owner;
  std::optional<std::vector<GpuId>> gpus;  // distinct, at most gpus_max; empty: a lease of none
  std::optional<Mode> mode;
  std::optional<Epoch> epoch;
};

// True if `text` may be a user's name: 1..255 bytes of valid UTF-8 without control characters.
bool is_user_name(std::string_view text);

// "hub/user/server" as inject writes it: what would break the form stands as %XX.
std::optional<Owner> parse_owner_label(std::string_view text);

LabelledLease read_labels(const Labels& labels);

}  // namespace gpuhub::model
