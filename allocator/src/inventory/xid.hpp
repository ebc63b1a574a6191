// What the numbers of XID errors mean: which of them are not the GPU's fault, and words for people.
// From NVIDIA's "Xid Catalog" (docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, r610),
// and the list that NVIDIA's k8s-device-plugin keeps (internal/rm/health.go). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gpuhub::inventory {

// True for an XID that comes from what runs on the GPU, or from a test: the card is healthy, and
// whoever gets it next has nothing to fear.
[[nodiscard]] bool application_xid(std::uint64_t xid);

// The number if it can be one; nullopt for 0 and beyond 9999: no catalogue has such, the driver (or
// what answers in its place) says nothing by it.
[[nodiscard]] std::optional<int> believable_xid(std::uint64_t xid);

// "XID 79: the GPU has fallen off the bus"; "XID 1234"; for what cannot be believed, that.
[[nodiscard]] std::string describe_xid(std::uint64_t xid);

}  // namespace gpuhub::inventory
