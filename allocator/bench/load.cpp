#include "bench/load.hpp"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <format>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace gpuhub::bench {
namespace {
using Clock = std::chrono::steady_clock;
using Result = std::expected<void, std::string>;

// With one connection the time in which this program wakes would be in every operation.
constexpr std::chrono::microseconds watchful{200};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Connection {
  Descriptor socket;
  std::unique_ptr<Talker> talker;
  std::string request;       // the one under way
  std::size_t sent = 0;      // of it
  std::string received;      // of its answer
  Clock::time_point begun;   // of the operation
  bool waits_to_send = false;
};

class Load {
 public:
  Load(const LoadSettings& settings, const MakeTalker& make) : settings_(settings), make_(make) {}
  std::expected<LoadResult, std::string> run();

 private:
  Result start();
  int await(std::span<epoll_event> events) const;
  Result connect(Connection& connection);
  Result on_event(Connection& connection, std::uint32_t events);
  Result begin(Connection& connection);
  Result next_request(Connection& connection);
  Result send(Connection& connection);
  Result receive(Connection& connection);
  Result hear(Connection& connection);
  Result over(Connection& connection);
  Result reconnect(Connection& connection);
  Result watch(Connection& connection, int how, std::uint32_t events) const;
  bool goes_on(Clock::time_point at) const;

  const LoadSettings& settings_;
  const MakeTalker& make_;
  Descriptor epoll_;
  std::vector<Connection> connections_;
  std::size_t at_work_ = 0;
  std::uint64_t begun_ = 0;
  Clock::time_point from_, until_;
  Clock::time_point last_;     // end of the last counted operation
  LoadResult result_;
};

// As epoll_wait. One connection's answer is looked for, for a while, before this sleeps.
int Load::await(std::span<epoll_event> events) const {
  const auto wait = [&](std::chrono::milliseconds patience) {
    return ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                        static_cast<int>(patience.count()));
  };
  const auto until = Clock::now() + watchful;
  while (settings_.connections == 1 && Clock::now() < until) {
    if (const int count = wait(std::chrono::milliseconds{0}); count != 0) return count;
  }
  return wait(settings_.patience);
}

std::expected<LoadResult, std::string> Load::run() {
  const double cpu_before = cpu_seconds();
  if (auto started = start(); !started) return std::unexpected(started.error());
  std::array<epoll_event, 128> events{};
  while (at_work_ > 0) {
    const int count = await(events);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(failed_to("wait for answers"));
    if (count == 0) return std::unexpected(std::format("no answer in {}", settings_.patience));
    for (std::size_t n = 0; n < static_cast<std::size_t>(count); ++n) {
      auto& connection = connections_[events[n].data.u64];
      if (auto fine = on_event(connection, events[n].events); !fine) {
        return std::unexpected(fine.error());
      }
    }
  }
  for (const auto& connection : connections_) result_.conflicts += connection.talker->conflicts();
  result_.all = begun_;
  const bool counted = settings_.operations > 0;
  const std::chrono::duration<double> took = counted ? last_ - from_ : until_ - from_;
  result_.seconds = took.count();
  result_.cpu_seconds = cpu_seconds() - cpu_before;
  return std::move(result_);
}

Result Load::start() {
  epoll_ = Descriptor{::epoll_create1(EPOLL_CLOEXEC)};
  if (epoll_.get() < 0) return std::unexpected(failed_to("make an epoll"));
  connections_.resize(static_cast<std::size_t>(settings_.connections));
  for (int number = 0; auto& connection : connections_) {
    connection.talker = make_(number++);
    if (auto fine = connect(connection); !fine) return fine;
  }
  from_ = Clock::now() + settings_.warm_up;
  until_ = from_ + settings_.measured;
  for (auto& connection : connections_) {
    ++at_work_;
    if (auto fine = begin(connection); !fine) return fine;
  }
  return {};
}

Result Load::connect(Connection& connection) {
  auto socket = connect_to(settings_.address);
  if (!socket) return std::unexpected(std::move(socket.error()));
  connection.socket = std::move(*socket);
  connection.waits_to_send = false;
  return watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

Result Load::watch(Connection& connection, int how, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = static_cast<std::uint64_t>(&connection - connections_.data());
  if (::epoll_ctl(epoll_.get(), how, connection.socket.get(), &event) == 0) return {};
  return std::unexpected(failed_to("watch a socket"));
}

Result Load::on_event(Connection& connection, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    if (auto fine = send(connection); !fine) return fine;
  }
  return (events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 ? receive(connection) : Result{};
}

bool Load::goes_on(Clock::time_point at) const {
  return settings_.operations > 0 ? begun_ < settings_.operations : at < until_;
}

Result Load::begin(Connection& connection) {
  ++begun_;
  connection.begun = Clock::now();
  return next_request(connection);
}

Result Load::next_request(Connection& connection) {
  connection.request.clear();
  connection.sent = 0;
  connection.talker->request(connection.request);
  return send(connection);
}

Result Load::send(Connection& connection) {
  while (connection.sent < connection.request.size()) {
    const auto rest = std::string_view{connection.request}.substr(connection.sent);
    const auto size = ::send(connection.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (size >= 0) {
      connection.sent += static_cast<std::size_t>(size);
    } else if (errno == EAGAIN) {
      if (connection.waits_to_send) return {};
      connection.waits_to_send = true;
      return watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return reconnect(connection);
    } else if (errno != EINTR) {
      return std::unexpected(failed_to("send"));
    }
  }
  if (!connection.waits_to_send) return {};
  connection.waits_to_send = false;
  return watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

Result Load::receive(Connection& connection) {
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const auto size = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return {};
    if (size < 0 && errno != ECONNRESET) return std::unexpected(failed_to("receive"));
    if (size <= 0) return reconnect(connection);
    connection.received.append(buffer.data(), static_cast<std::size_t>(size));
    // Answers are small: a buffer that was not filled had all of it.
    if (static_cast<std::size_t>(size) < buffer.size()) return hear(connection);
  }
}

Result Load::hear(Connection& connection) {
  std::string_view text = connection.received;
  const Heard heard = connection.talker->hear(text);
  if (heard == Heard::more) return {};
  if (heard == Heard::broken) return std::unexpected(connection.talker->trouble());
  if (!text.empty()) return std::unexpected("more than one answer to one request");
  connection.received.clear();
  if (heard == Heard::again) {
    if (!connection.talker->closed()) return next_request(connection);
    connection.request.clear();
    connection.talker->request(connection.request);
    return reconnect(connection);
  }
  return over(connection);
}

Result Load::over(Connection& connection) {
  const auto now = Clock::now();
  if (now >= from_ && (settings_.operations > 0 || now < until_)) {
    result_.latencies.add(now - connection.begun);
    last_ = now;
  }
  if (!goes_on(now) && !connection.talker->holds()) {
    --at_work_;
    // A peer that closes an idle connection is no trouble any more.
    return watch(connection, EPOLL_CTL_DEL, 0);
  }
  if (!connection.talker->closed()) return begin(connection);
  ++begun_;
  connection.begun = Clock::now();
  connection.request.clear();
  connection.talker->request(connection.request);
  return reconnect(connection);
}

// The peer has closed; the request under way is sent once more.
Result Load::reconnect(Connection& connection) {
  if (!connection.received.empty()) return std::unexpected("an answer broke off");
  if (++result_.reconnects > 1'000'000) return std::unexpected("the peer closes all connections");
  connection.sent = 0;
  if (auto fine = connect(connection); !fine) return fine;  // the old socket is closed by it
  return send(connection);
}

}  // namespace

std::expected<LoadResult, std::string> run_load(const LoadSettings& settings,
                                                const MakeTalker& make) {
  return Load{settings, make}.run();
}

}  // namespace gpuhub::bench
