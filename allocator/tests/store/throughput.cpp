// What a commit costs, and how much of that is the disk's. Run by hand:
//   store_throughput [FOLDER]            a table; FOLDER on the disk to be measured (default: /tmp)
//   store_throughput write BATCHES SIZE FOLDER   for a profiler: so many commits on one thread
// Each batch is what SIZE callers bring about who ask, or who release: the books stay as large.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <functional>
#include <print>
#include <string>
#include <vector>

#include "pump.hpp"
#include "store/book_tables.hpp"
#include "store/schema.hpp"

namespace gpuhub::store {
namespace {

using Clock = std::chrono::steady_clock;

double us(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }
double cpu_us(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// The batches of `size` callers: one after the other they are granted leases, or their leases end.
// As in a daemon whose history is full, an old lease is forgotten with each end.
class Callers {
 public:
  explicit Callers(int size) : size_(size) {}
  model::Batch next() {
    std::vector<model::Record> records;
    for (int i = 0; i < size_; ++i) {
      const int n = round_ / 2 * size_ + i + 1;
      if (round_ % 2 == 0) {
        records.emplace_back(real(lease(n)));
      } else {
        records.emplace_back(real(ended(n)));
        if (n > 1000) records.emplace_back(model::LeaseForgotten{real(lease(n - 1000)).id});
      }
    }
    ++round_;
    return batch(std::move(records), static_cast<std::uint64_t>(round_) + 1, round_);
  }

 private:
  // With names as long as they are in real life.
  static model::Lease real(model::Lease lease) {
    const std::string serial{lease.id.str().substr(5)};
    lease.id = *model::LeaseId::parse("L-5f2c7a0e4c1b4b8d-" + serial);
    lease.epoch = *model::Epoch::parse("5f2c7a0e4c1b4b8d");
    lease.request.id = *model::RequestId::parse("5f2c7a0e-4c1b-4b8d-9e3f-0e4c1b4b8d9e");
    lease.gpus = {*model::GpuId::parse("GPU-8f1ad2c3-77aa-4e02-9c1f-0d5a6b7c8e9f")};
    return lease;
  }
  int size_;
  int round_ = 0;
};

struct Times {
  std::vector<double> wall;  // of each commit, us
  double cpu = 0;            // of all, us: user and system, all threads
  double at(double part) {
    std::ranges::sort(wall);
    return wall[static_cast<std::size_t>(static_cast<double>(wall.size()) * part)];
  }
};

Times measure(int rounds, const std::function<void()>& once) {
  Times times;
  const double before = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    once();
    times.wall.push_back(us(Clock::now() - start));
  }
  times.cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - before;
  return times;
}

void show(const char* what, int size, Times times) {
  const auto rounds = static_cast<double>(times.wall.size());
  std::println("{:28} {:4} {:8.1f} us median {:8.1f} p99 {:8.1f} CPU {:7.2f} CPU a caller", what,
               size, times.at(0.5), times.at(0.99), times.cpu / rounds, times.cpu / rounds / size);
}

void flushes() {
  const Folder folder;
  const auto file = folder.path() / "flushed";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const std::string page(4096, 'x');
  for (int i = 0; i < 1024; ++i) std::ignore = ::write(fd, page.data(), page.size());
  ::fsync(fd);
  off_t at = 0;
  show("fdatasync of 4 KiB", 1, measure(2000, [&] {
         std::ignore = ::pwrite(fd, page.data(), page.size(), at);
         at = (at + 4096) % (1024 * 4096);
         ::fdatasync(fd);
       }));
  ::close(fd);
}

template <typename T>
T good(std::expected<T, Error> value) {
  if (value) return std::move(*value);
  std::println(stderr, "{}", value.error().message);
  std::exit(1);
}

void on_one_thread(const std::filesystem::path& file, int size, int rounds) {
  auto db = good(open_books(file, epoch("e1")));
  auto tables = good(BookTables::prepare(db));
  Callers callers{size};
  const auto once = [&] {
    if (auto done = tables.write(callers.next()); !done) {
      std::println(stderr, "{}", done.error().message);
      std::exit(1);
    }
  };
  measure(2000 / size, once);
  show("write on one thread", size, measure(rounds, once));
}

void by_the_thread(const std::filesystem::path& file, int size, int rounds) {
  Pump pump;
  auto store = good(SqliteStore::create(file, pump.post(), epoch("e1")));
  Callers callers{size};
  const auto once = [&] {
    if (auto outcome = commit(*store, pump, callers.next()); !outcome.empty()) std::exit(1);
  };
  measure(2000 / size, once);
  show("commit by the store's thread", size, measure(rounds, once));
}

void on_the_calling_thread(const std::filesystem::path& file, int size, int rounds) {
  Pump pump;
  auto store = good(SqliteStore::create(file, pump.post(), epoch("e1")));
  Callers callers{size};
  const auto once = [&] {
    auto next = callers.next();
    const auto outcome = store->commit_now(next, [] {});
    if (!outcome && !commit(*store, pump, std::move(next)).empty()) std::exit(1);
    if (outcome && !*outcome) std::exit(1);
  };
  measure(2000 / size, once);
  show("commit_now", size, measure(rounds, once));
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 4 && arguments[0] == "write") {
    const auto file = std::filesystem::path{arguments[3]} / "ledger.sqlite";
    on_one_thread(file, std::stoi(arguments[2]), std::stoi(arguments[1]));
    return 0;
  }
  if (!arguments.empty()) ::setenv("TMPDIR", arguments[0].c_str(), 1);
  flushes();
  for (const int size : {1, 16, 64}) {
    const Folder one, two, three;
    on_one_thread(one.file(), size, 2000);
    by_the_thread(two.file(), size, 2000);
    on_the_calling_thread(three.file(), size, 2000);
  }
  return 0;
}

}  // namespace
}  // namespace gpuhub::store

int main(int argc, char** argv) { return gpuhub::store::run({argv + 1, argv + argc}); }
