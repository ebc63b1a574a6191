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

// `inject` null: none is told (only granted and active leases have one). `now` turns the ledger's
// time of the bind timeout into the wall's.
boost::json::object lease_json(const service::LeaseAnswer& answer,
                               const inject::Injection* injection, model::Now now);

struct GpuShown {
  std::string host;
  bool owners = true;                    // name the owners of leases
  const model::GpuLoad* load = nullptr;  // null: not known
};
boost::json::object gpu_json(const service::GpuView& view, const GpuShown& how);

// Who is shown to whom, for a refusal that people read.
struct Onlooker {
  bool admin = false;
  std::span<const std::string> groups;   // of who asks
  config::ShowHolders show = config::ShowHolders::all;
};
// {"holders": [...], "hidden": n}: one holder for each GPU of each lease.
boost::json::object holders_json(std::span<const model::Lease> leases,
                                 const std::map<model::GpuId, int>& indices,
                                 const Onlooker& onlooker);

}  // namespace gpuhub::api
