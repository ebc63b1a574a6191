#include "model/lease.hpp"

#include <array>
#include <utility>

#include "model/assert.hpp"

namespace gpuhub::model {
namespace {
template <typename E, std::size_t N>
using Names = std::array<std::pair<E, std::string_view>, N>;

constexpr Names<LeaseState, 5> state_names{{{LeaseState::queued, "queued"},
                                            {LeaseState::granted, "granted"},
                                            {LeaseState::active, "active"},
                                            {LeaseState::ending, "ending"},
                                            {LeaseState::ended, "ended"}}};
constexpr Names<EndReason, 7> reason_names{{{EndReason::released, "released"},
                                            {EndReason::expired, "expired"},
                                            {EndReason::cancelled, "cancelled"},
                                            {EndReason::container_exited, "container_exited"},
                                            {EndReason::container_gone, "container_gone"},
                                            {EndReason::revoked, "revoked"},
                                            {EndReason::replaced, "replaced"}}};
constexpr Names<FaultKind, 3> fault_names{
    {{FaultKind::xid, "xid"}, {FaultKind::lost, "lost"}, {FaultKind::vanished, "vanished"}}};
constexpr Names<Mode, 2> mode_names{{{Mode::shared, "shared"}, {Mode::exclusive, "exclusive"}}};

template <typename E, std::size_t N>
std::string_view name_of(const Names<E, N>& names, E value) {
  for (const auto& [e, name] : names) {
    if (e == value) return name;
  }
  GPUHUB_ASSERT(!"an enum value without a name");
  return {};
}
template <typename E, std::size_t N>
std::optional<E> value_of(const Names<E, N>& names, std::string_view text) {
  for (const auto& [e, name] : names) {
    if (name == text) return e;
  }
  return std::nullopt;
}
}  // namespace

std::string_view to_string(LeaseState state) { return name_of(state_names, state); }
std::string_view to_string(EndReason reason) { return name_of(reason_names, reason); }
std::string_view to_string(FaultKind kind) { return name_of(fault_names, kind); }
std::string_view to_string(Mode mode) { return name_of(mode_names, mode); }
std::optional<LeaseState> parse_lease_state(std::string_view text) {
  return value_of(state_names, text);
}
std::optional<EndReason> parse_end_reason(std::string_view text) {
  return value_of(reason_names, text);
}
std::optional<FaultKind> parse_fault_kind(std::string_view text) {
  return value_of(fault_names, text);
}
std::optional<Mode> parse_mode(std::string_view text) { return value_of(mode_names, text); }

}  // namespace gpuhub::model
