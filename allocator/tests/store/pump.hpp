// The pumping thread for tests of the SQLite store, and a folder of its own that goes away.
#pragma once

#include <cstdlib>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>

#include <gtest/gtest.h>

#include "samples.hpp"
#include "store/sqlite_store.hpp"

namespace gpuhub::store {

// Takes what is posted from any thread; runs it when the test says so.
class Pump {
 public:
  Post post() {
    return [this](std::move_only_function<void()> action) {
      const std::scoped_lock lock(mutex_);
      actions_.push_back(std::move(action));
      changed_.notify_one();
    };
  }
  // Waits for one action and runs it.
  void run_one() {
    std::move_only_function<void()> action;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !actions_.empty(); });
      action = std::move(actions_.front());
      actions_.pop_front();
    }
    action();
  }
  bool empty() {
    const std::scoped_lock lock(mutex_);
    return actions_.empty();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> actions_;
};

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "gpuhub-store-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file() const { return path_ / "ledger.sqlite"; }

 private:
  std::filesystem::path path_;
};

inline model::Epoch epoch(const char* name) { return *model::Epoch::parse(name); }

inline model::Batch batch(std::vector<model::Record> records, std::uint64_t serial = 1,
                          std::int64_t at = 0) {
  return {.records = std::move(records), .next_serial = serial, .at = {at}};
}

// Commits and waits; the outcome as a text: empty when it went well.
inline std::string commit(SqliteStore& store, Pump& pump, model::Batch what) {
  std::string outcome = "never told";
  const auto shared = std::make_shared<const model::Batch>(std::move(what));
  store.commit(shared, [&](std::expected<void, Error> result) {
    outcome = result ? "" : result.error().message;
  });
  pump.run_one();
  return outcome;
}

}  // namespace gpuhub::store
