// kill -9 while batches are being written: what was acknowledged is there, and every batch is
// there whole or not at all.
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "pump.hpp"

namespace gpuhub::store {
namespace {

// Batch n: adds lease n, ends lease n - 1, and writes n to three other tables.
model::Batch batch_number(int n) {
  std::vector<model::Record> records{lease(n), model::GpuSetting{gpu(1), n % 64 + 1, {}, {}}};
  if (n > 1) records.emplace_back(ended(n - 1));
  auto list = listed();
  list.gpus.front().memory = {n};
  records.emplace_back(std::move(list));
  records.emplace_back(conflict(n));
  if (n > 1) records.emplace_back(model::ConflictEnded{container(n - 1)});
  return batch(std::move(records), static_cast<std::uint64_t>(n) + 1, n);
}

// The child: commits one batch after the other, and writes a byte for each that is durable.
[[noreturn]] void commit_for_ever(const std::filesystem::path& file, int first, int told) {
  Pump pump;
  auto store = SqliteStore::create(file, pump.post(), epoch("e1"));
  if (!store || !(*store)->load()) ::_exit(2);
  for (int n = first;; ++n) {
    const auto now = n % 3 == 0 ? (*store)->commit_now(batch_number(n), [] {}) : std::nullopt;
    if (now && !*now) ::_exit(3);
    if (!now && !commit(**store, pump, batch_number(n)).empty()) ::_exit(3);
    if (::write(told, "+", 1) != 1) ::_exit(4);
  }
}

// Runs the child for `time`, kills it, and returns how many batches it had acknowledged.
int run_and_kill(const std::filesystem::path& file, int first, std::chrono::microseconds time) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const auto child = ::fork();
  if (child == 0) commit_for_ever(file, first, ends[1]);
  ::close(ends[1]);
  std::this_thread::sleep_for(time);
  ::kill(child, SIGKILL);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  int acknowledged = 0;
  char byte = 0;
  while (::read(ends[0], &byte, 1) == 1) ++acknowledged;
  ::close(ends[0]);
  return acknowledged;
}

TEST(Kill, WhatWasAcknowledgedIsThereAndWhole) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const Folder folder;
  Pump pump;
  int durable = 0;  // batches on disk for certain
  int progress = 0;
  for (int round = 0; round < 25; ++round) {
    const std::chrono::microseconds time{random() % 60'000};
    const int acknowledged = durable + run_and_kill(folder.file(), durable + 1, time);

    auto store = SqliteStore::create(folder.file(), pump.post(), epoch("e2"));
    ASSERT_TRUE(store) << store.error().message;
    const auto found = (*store)->load();
    ASSERT_TRUE(found) << found.error().message;
    const int last = static_cast<int>(found->next_serial) - 1;
    ASSERT_GE(last, acknowledged);
    ASSERT_LE(last, acknowledged + 1);  // at most the one under way
    ASSERT_EQ(found->leases.size(), static_cast<std::size_t>(last));
    for (int n = 1; n <= last; ++n) {
      const auto& want = n == last ? lease(n) : ended(n);
      ASSERT_EQ(write_lease(found->leases.at(static_cast<std::size_t>(n) - 1)), write_lease(want));
    }
    if (last > 0) {
      ASSERT_EQ(found->at.ms, last);
      ASSERT_EQ(found->gpu_settings.front().slots, last % 64 + 1);
      ASSERT_EQ(found->listed->gpus.front().memory.count, last);
      ASSERT_EQ(found->conflicts.size(), 1U);
      ASSERT_EQ(found->conflicts.front().container, container(last));
    }
    progress += last - durable;
    durable = last;
  }
  EXPECT_GT(progress, 0);
}

}  // namespace
}  // namespace gpuhub::store
