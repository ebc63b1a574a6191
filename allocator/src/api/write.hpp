// Values of the model -> JSON: each call adds members to the object that is open, in a fixed order.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "inject/inject.hpp"
#include "model/lease.hpp"
#include "service/service.hpp"
#include "text/json_text.hpp"
#include "usage/books.hpp"

namespace gpuhub::api {

// RFC 3339, UTC, milliseconds: "2026-01-31T12:00:00.000Z". By itself, not on the heap: each answer
// holds several.
struct TimeText {
  std::array<char, 24> text;
  operator std::string_view() const { return {text.data(), text.size()}; }  // NOLINT: it is one
};
TimeText rfc3339(model::WallTime at);

void write_injection(text::JsonText& out, const text::JsonKey& key,
                     const inject::Injection& injection);

// The wall's time at which the ledger's time will be, or was, `at`.
model::WallTime wall_of(model::Instant at, model::Now now);

// Who is shown to whom, where people read who holds what.
struct Onlooker {
  bool admin = false;
  std::span<const std::string> groups;   // of who asks
  config::ShowHolders show = config::ShowHolders::all;
  std::string_view user{};               // who asks, if it is a person: sees his own
  const model::HubName* hub = nullptr;   // of that person; null: any
  bool sees(const model::Lease& lease) const;
  bool sees_all() const { return admin || show == config::ShowHolders::all; }
};
// Positions of GPUs, to be shown beside their ids.
using Indices = std::map<model::GpuId, int>;

struct LeaseShown {
  const inject::Injection* injection = nullptr;  // null: none is told
  model::Now now;                                // turns the ledger's time limits into wall times
  bool admin = false;                            // sees all who stand in the way
  config::ShowHolders show = config::ShowHolders::all;
  const Indices* indices = nullptr;              // of those GPUs; null: none are told
  const usage::LeaseUsage* usage = nullptr;      // null: it uses nothing, or not yet
};
void write_lease(text::JsonText& out, const service::LeaseAnswer& answer, const LeaseShown& how);

// Changes whenever something that is shown of the lease changes, but for times that only pass.
std::string revision_of(const service::LeaseAnswer& answer);

// ok, draining, faulty or missing.
std::string_view gpu_state(const model::Gpu& gpu);

struct GpuShown {
  std::string host;
  model::Now now;
  Onlooker onlooker;                     // whose owners are named
  const model::GpuLoad* load = nullptr;  // null: not known
  usage::GpuUsage usage{};               // beside the load
};
void write_gpu(text::JsonText& out, const service::GpuView& view, const GpuShown& how);

// "holders": [...], "hidden": n. One holder for each GPU of each lease.
void write_holders(text::JsonText& out, std::span<const model::Lease> leases,
                   const Indices& indices, const Onlooker& onlooker);

}  // namespace gpuhub::api
