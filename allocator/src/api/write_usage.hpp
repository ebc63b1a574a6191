// What leases and GPUs do -> JSON. For write.cpp only.
#pragma once

#include "model/gpu.hpp"
#include "text/json_text.hpp"
#include "usage/books.hpp"

namespace gpuhub::api {

// A lease's `usage`; null where there is none.
void write_usage(text::JsonText& out, const text::JsonKey& key, const usage::LeaseUsage* usage,
                 model::Now now);
// A GPU's `load`; null where it could not be measured.
void write_load(text::JsonText& out, const text::JsonKey& key, const model::GpuLoad* load,
                const usage::GpuUsage& usage);

}  // namespace gpuhub::api
