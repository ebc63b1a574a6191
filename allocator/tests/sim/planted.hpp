// Bugs on purpose, as ports that lie: each is one that a checker must catch, or the checker is
// blind. Decorators of the doubles; a run without one uses the doubles as they are.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "ledger/ledger.hpp"
#include "runtime/fake_runtime.hpp"
#include "store/memory_store.hpp"

namespace gpuhub::sim {

// `forget`: what lives is gone when the store is read again. `lie`: says that batches are durable
// and writes only their serial. `shuffle`: who waits is read in another order. `heal`: faults and
// drains are not read.
class PlantedStore final : public store::Store {
 public:
  PlantedStore(store::MemoryStore& inside, std::string bug)
      : inside_(inside), bug_(std::move(bug)) {}
  std::expected<model::Contents, store::Error> load() override {
    auto contents = inside_.load();
    if (contents && bug_ == "forget") {
      std::erase_if(contents->leases, [](const model::Lease& lease) { return lease.live(); });
    }
    if (contents && bug_ == "shuffle") std::ranges::reverse(contents->leases);
    if (contents && bug_ == "heal") {
      contents->faults.clear();
      for (auto& setting : contents->gpu_settings) setting.drained.reset();
    }
    return contents;
  }
  void commit(std::shared_ptr<const model::Batch> batch,
              std::move_only_function<void(std::expected<void, store::Error>)> done) override {
    inside_.commit(std::make_shared<const model::Batch>(lied(*batch)), std::move(done));
  }
  std::optional<std::expected<void, store::Error>> commit_now(
      const model::Batch& batch, const std::function<void()>& meanwhile) override {
    return inside_.commit_now(lied(batch), meanwhile);
  }

 private:
  model::Batch lied(model::Batch batch) {
    if (bug_ == "lie" && ++commits_ % 50 == 0) batch.records.clear();
    return batch;
  }
  store::MemoryStore& inside_;
  std::string bug_;
  int commits_ = 0;
};

// `gone`: now and then a running container is said not to be there. `immortal`: what has ended is
// said to run. `blind`: what others use is not seen.
class PlantedRuntime final : public runtime::Runtime {
 public:
  PlantedRuntime(runtime::FakeRuntime& inside, std::string bug)
      : inside_(inside), bug_(std::move(bug)) {}
  void list(runtime::Done<std::vector<runtime::Container>> done) override {
    inside_.list([this, done = std::move(done)](auto answer) mutable {
      if (answer) {
        for (auto& container : *answer) lie(container);
      }
      done(std::move(answer));
    });
  }
  void inspect(const model::ContainerId& id, runtime::Done<runtime::Container> done) override {
    inside_.inspect(id, [this, done = std::move(done)](auto answer) mutable {
      if (answer) lie(*answer);
      if (answer && bug_ == "gone" && runtime::FakeRuntime::holds(*answer) && ++looks_ % 20 == 0) {
        answer->state = runtime::ContainerState::exited;
      }
      done(std::move(answer));
    });
  }
  void remove_created(const model::ContainerId& id, runtime::Done<std::monostate> done) override {
    inside_.remove_created(id, std::move(done));
  }
  void stop(const model::ContainerId& id, std::chrono::seconds grace,
            runtime::Done<std::monostate> done) override {
    inside_.stop(id, grace, std::move(done));
  }
  void capabilities(runtime::Done<runtime::Capabilities> done) override {
    inside_.capabilities(std::move(done));
  }
  void watch(std::move_only_function<void(runtime::Signal)> on_signal) override {
    inside_.watch(std::move(on_signal));
  }

 private:
  void lie(runtime::Container& container) const {
    if (bug_ == "blind") container.claim.reset();
    if (bug_ == "immortal" && container.state == runtime::ContainerState::exited) {
      container.state = runtime::ContainerState::running;
    }
  }
  runtime::FakeRuntime& inside_;
  std::string bug_;
  int looks_ = 0;
};

// `unreserved`: places are never kept for who has waited long.
inline void plant(const std::string& bug, ledger::Settings& settings) {
  if (bug == "unreserved") settings.queue.reserve_after = model::Duration{1'000'000'000};
}

// These show only when the store is read again: a run with one has crashes, whatever was drawn.
inline bool shows_after_a_crash(const std::string& bug) {
  return bug == "forget" || bug == "shuffle" || bug == "heal" || bug == "lie";
}

}  // namespace gpuhub::sim
