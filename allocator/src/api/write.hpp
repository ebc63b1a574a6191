// Values of the model -> JSON. Pure.
#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <span>
#include <string>

#include "config/config.hpp"
#include "inject/inject.hpp"
#include "model/lease.hpp"
#include "service/service.hpp"

namespace gpuhub::api {

// RFC 3339, UTC, milliseconds: "2026-01-31T12:00:00.000Z".
std::string rfc3339(model::WallTime at);

boost::json::object inject_json(const inject::Injection& injection);

// Who is shown to whom, where people read who holds what.
struct Onlooker {
  bool admin = false;
  std::span<const std::string> groups;   // of who asks
  config::ShowHolders show = config::ShowHolders::all;
};
// Positions of GPUs, to be shown beside their ids.
using Indices = std::map<model::GpuId, int>;

struct LeaseShown {
  const inject::Injection* injection = nullptr;  // null: none is told
  model::Now now;                                // turns the ledger's time limits into wall times
  bool admin = false;                            // sees all who stand in the way
  config::ShowHolders show = config::ShowHolders::all;
  const Indices* indices = nullptr;              // of those GPUs; null: none are told
};
boost::json::object lease_json(const service::LeaseAnswer& answer, const LeaseShown& how);

// Changes whenever something that is shown of the lease changes, but for times that only pass.
std::string revision_of(const service::LeaseAnswer& answer);

// ok, draining, faulty or missing.
std::string_view gpu_state(const model::Gpu& gpu);

struct GpuShown {
  std::string host;
  model::Now now;
  bool owners = true;                    // name the owners of leases
  const model::GpuLoad* load = nullptr;  // null: not known
};
boost::json::object gpu_json(const service::GpuView& view, const GpuShown& how);

// {"holders": [...], "hidden": n}: one holder for each GPU of each lease.
boost::json::object holders_json(std::span<const model::Lease> leases,
                                 const Indices& indices,
                                 const Onlooker& onlooker);

}  // namespace gpuhub::api
