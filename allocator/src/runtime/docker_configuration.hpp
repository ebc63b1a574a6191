// What speaks of GPUs in GET /containers/ID/json, read into plain values. Pure.
#pragma once

#include <boost/json/fwd.hpp>

#include "runtime/docker_claim.hpp"
#include "runtime/docker_json.hpp"

namespace gpuhub::runtime {

// A field of the wrong type is an error that names it; a missing one is as null. The views are into
// `container`.
Read<Configuration> read_configuration(const boost::json::value& container);

}  // namespace gpuhub::runtime
