#include "bench/disk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "bench/sockets.hpp"

namespace gpuhub::bench {

std::expected<Latencies, std::string> measure_disk(const std::string& folder,
                                                   std::chrono::milliseconds how_long) {
  using Clock = std::chrono::steady_clock;
  const std::string path = folder + "/flushes";
  const Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (file.get() < 0) return std::unexpected(failed_to("make " + path));
  ::unlink(path.c_str());
  std::array<char, 4096> block;
  block.fill('a');
  const auto write = [&] {
    return ::pwrite(file.get(), block.data(), block.size(), 0) ==
           static_cast<ssize_t>(block.size());
  };
  if (::posix_fallocate(file.get(), 0, block.size()) != 0 || !write() || ::fsync(file.get()) != 0) {
    return std::unexpected(failed_to("prepare " + path));
  }
  Latencies latencies;
  const auto until = Clock::now() + how_long;
  for (auto before = Clock::now(); before < until;) {
    ++block[0];
    if (!write() || ::fdatasync(file.get()) != 0) {
      return std::unexpected(failed_to("flush " + path));
    }
    const auto now = Clock::now();
    latencies.add(now - before);
    before = now;
  }
  return latencies;
}

}  // namespace gpuhub::bench
