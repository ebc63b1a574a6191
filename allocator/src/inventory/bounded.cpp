#include "inventory/bounded.hpp"

#include <condition_variable>
#include <format>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace gpuhub::inventory {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Shared with the thread of a call, which may outlive everything else.
struct Shared {
  std::unique_ptr<Inventory> inside;
  std::mutex mutex;
  std::condition_variable idle;
  bool busy = false;
  steady_clock::time_point since;
};

class Bounded final : public Inventory {
 public:
  Bounded(std::unique_ptr<Inventory> inside, milliseconds limit)
      : shared_(std::make_shared<Shared>()), limit_(limit) {
    shared_->inside = std::move(inside);
  }
  ~Bounded() override {
    std::unique_lock lock(shared_->mutex);
    shared_->idle.wait_for(lock, limit_, [this] { return !shared_->busy; });
  }
  Bounded(const Bounded&) = delete;
  Bounded& operator=(const Bounded&) = delete;

  std::expected<std::vector<model::GpuInfo>, Error> gpus() override {
    return run(limit_, [](Inventory& inside) { return inside.gpus(); });
  }
  std::expected<model::GpuLoad, Error> load(const model::GpuId& gpu) override {
    return run(limit_, [gpu](Inventory& inside) { return inside.load(gpu); });
  }
  std::expected<model::GpuActivity, Error> activity(const model::GpuId& gpu) override {
    return run(limit_, [gpu](Inventory& inside) { return inside.activity(gpu); });
  }
  std::expected<Faults, Error> faults(milliseconds wait) override {
    return run(limit_ + wait, [wait](Inventory& inside) { return inside.faults(wait); });
  }

 private:
  template <typename Call>
  std::invoke_result_t<Call, Inventory&> run(milliseconds limit, Call call) {
    using Result = std::invoke_result_t<Call, Inventory&>;
    std::unique_lock lock(shared_->mutex);
    if (shared_->busy) return late();
    shared_->busy = true;
    shared_->since = steady_clock::now();
    auto result = std::make_shared<std::optional<Result>>();
    try {
      std::thread([shared = shared_, result, call] {
        auto got = call(*shared->inside);
        const std::scoped_lock done(shared->mutex);
        *result = std::move(got);
        shared->busy = false;
        shared->idle.notify_all();
      }).detach();
    } catch (const std::system_error& wrong) {
      shared_->busy = false;
      return std::unexpected(Error{.kind = ErrorKind::failed,
                                   .message = std::format("no thread to ask the driver on: {}",
                                                          wrong.what())});
    }
    shared_->idle.wait_for(lock, limit, [&] { return !shared_->busy; });
    if (!result->has_value()) return late();
    return std::move(**result);
  }

  // With the lock held.
  std::unexpected<Error> late() const {
    const auto seconds =
        std::chrono::duration<double>(steady_clock::now() - shared_->since).count();
    return std::unexpected(
        Error{.kind = ErrorKind::failed,
              .message = std::format("the driver has not answered for {:.1f} s: see `nvidia-smi`"
                                     " and the kernel's log (dmesg) on this machine",
                                     seconds)});
  }

  std::shared_ptr<Shared> shared_;
  milliseconds limit_;
};

}  // namespace

std::unique_ptr<Inventory> make_bounded(std::unique_ptr<Inventory> inside, milliseconds limit) {
  return std::make_unique<Bounded>(std::move(inside), limit);
}

}  // namespace gpuhub::inventory
