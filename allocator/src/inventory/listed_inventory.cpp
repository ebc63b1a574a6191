#include "inventory/listed_inventory.hpp"

#include <algorithm>
#include <format>
#include <set>
#include <utility>

namespace gpuhub::inventory {
namespace {

class ListedInventory final : public Inventory {
 public:
  explicit ListedInventory(std::vector<model::GpuInfo> gpus) : gpus_(std::move(gpus)) {}

  std::expected<std::vector<model::GpuInfo>, Error> gpus() override { return gpus_; }

  std::expected<model::GpuLoad, Error> load(const model::GpuId& gpu) override {
    return known<model::GpuLoad>(gpu);
  }
  std::expected<model::GpuActivity, Error> activity(const model::GpuId& gpu) override {
    return known<model::GpuActivity>(gpu);
  }
  std::expected<Faults, Error> faults(std::chrono::milliseconds /*wait*/) override {
    return Faults{};
  }

 private:
  // What is told of a GPU of the list: nothing.
  template <typename Told>
  std::expected<Told, Error> known(const model::GpuId& gpu) const {
    if (std::ranges::contains(gpus_, gpu, &model::GpuInfo::id)) return Told{};
    return std::unexpected(
        Error{.kind = ErrorKind::failed, .message = std::format("{} is not listed", gpu.str())});
  }

  std::vector<model::GpuInfo> gpus_;
};

}  // namespace

std::expected<std::unique_ptr<Inventory>, Error> make_listed_inventory(
    std::vector<model::GpuInfo> gpus) {
  const auto fail = [](std::string message) {
    return std::unexpected(Error{.kind = ErrorKind::failed, .message = std::move(message)});
  };
  if (gpus.size() > model::gpus_max) {
    return fail(std::format("{} GPUs are listed; at most {} can be", gpus.size(),
                            model::gpus_max));
  }
  std::set<model::GpuId> seen;
  for (const auto& gpu : gpus) {
    if (!seen.insert(gpu.id).second) return fail(std::format("{} is listed twice", gpu.id.str()));
  }
  return std::make_unique<ListedInventory>(std::move(gpus));
}

}  // namespace gpuhub::inventory
