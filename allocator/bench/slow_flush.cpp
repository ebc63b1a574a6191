// To be loaded before libc (LD_PRELOAD): each flush takes SLOW_FLUSH_US microseconds longer, as on
// a slower disk. The flush itself is really made. For the bench only.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

namespace {

long delay_us() {
  static const long delay = [] {
    const char* const said = std::getenv("SLOW_FLUSH_US");
    return said == nullptr ? 0 : std::strtol(said, nullptr, 10);
  }();
  return delay;
}

int flush(long call, int fd) {
  const long result = ::syscall(call, fd);
  const int error = errno;
  timespec rest{.tv_sec = delay_us() / 1'000'000, .tv_nsec = delay_us() % 1'000'000 * 1000};
  while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
  errno = error;
  return static_cast<int>(result);
}

}  // namespace

extern "C" int fsync(int fd) { return flush(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return flush(SYS_fdatasync, fd); }
