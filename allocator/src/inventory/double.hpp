// The inventory for tests: says what the test set. Any thread.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <format>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "inventory/inventory.hpp"

namespace gpuhub::inventory {

class InventoryDouble final : public Inventory {
 public:
  explicit InventoryDouble(std::vector<model::GpuInfo> gpus = {}) : gpus_(std::move(gpus)) {}

  void set(std::vector<model::GpuInfo> gpus) {
    const std::scoped_lock lock(mutex_);
    gpus_ = std::move(gpus);
  }
  void set_load(const model::GpuId& gpu, model::GpuLoad load) {
    const std::scoped_lock lock(mutex_);
    loads_.insert_or_assign(gpu, load);
  }
  void set_activity(const model::GpuId& gpu, model::GpuActivity activity) {
    const std::scoped_lock lock(mutex_);
    activities_.insert_or_assign(gpu, std::move(activity));
  }
  // Told once, by the next faults(), which wakes if it waits.
  void raise(const model::GpuId& gpu, model::GpuFault fault) {
    const std::scoped_lock lock(mutex_);
    faults_.emplace_back(gpu, std::move(fault));
    raised_.notify_all();
  }
  // Every call fails with this until it is cleared.
  void fail(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    error_ = std::move(error);
  }

  std::expected<std::vector<model::GpuInfo>, Error> gpus() override {
    const std::scoped_lock lock(mutex_);
    if (error_) return std::unexpected(*error_);
    return gpus_;
  }
  std::expected<model::GpuLoad, Error> load(const model::GpuId& gpu) override {
    return said(loads_, gpu);
  }
  std::expected<model::GpuActivity, Error> activity(const model::GpuId& gpu) override {
    return said(activities_, gpu);
  }
  std::expected<Faults, Error> faults(std::chrono::milliseconds wait) override {
    std::unique_lock lock(mutex_);
    if (error_) return std::unexpected(*error_);
    raised_.wait_for(lock, wait, [this] { return !faults_.empty(); });
    return std::exchange(faults_, {});
  }

 private:
  template <typename Told>
  std::expected<Told, Error> said(const std::map<model::GpuId, Told>& from,
                                  const model::GpuId& gpu) {
    const std::scoped_lock lock(mutex_);
    if (error_) return std::unexpected(*error_);
    if (!std::ranges::contains(gpus_, gpu, &model::GpuInfo::id)) {
      return std::unexpected(
          Error{.kind = ErrorKind::failed, .message = std::format("no GPU {}", gpu.str())});
    }
    const auto found = from.find(gpu);
    return found == from.end() ? Told{} : found->second;
  }

  std::mutex mutex_;
  std::condition_variable raised_;
  std::vector<model::GpuInfo> gpus_;
  std::map<model::GpuId, model::GpuLoad> loads_;
  std::map<model::GpuId, model::GpuActivity> activities_;
  Faults faults_;
  std::optional<Error> error_;
};

}  // namespace gpuhub::inventory
