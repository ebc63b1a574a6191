// gpuctl set GPU: its slots and its label; kept in the ledger, wins over gpuhub.toml.
#include "ctl/gpu_parts.hpp"

namespace gpuhub::ctl {

int set(const Common& common, const std::string& gpu, std::optional<int> slots,
        std::optional<std::string> label) {
  boost::json::object change;
  if (slots) change["slots"] = *slots;
  if (label) change["label"] = *label;
  if (change.empty()) {
    fail("nothing to set\ntry this: gpuctl set GPU --slots 2, or --label TEXT");
    return 2;
  }
  return change_gpu(common, gpu, change);
}

}  // namespace gpuhub::ctl
