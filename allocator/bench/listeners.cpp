#include "bench/listeners.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>
#include <numeric>

namespace gpuhub::bench {
namespace {
constexpr int answer_time_ms = 10'000;

// The head of the answer must say 200; what follows it is the stream's.
std::expected<std::uint64_t, std::string> await_head(int socket) {
  std::string head;
  std::array<char, 4096> buffer;
  while (head.find("\r\n\r\n") == std::string::npos) {
    pollfd wait{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, answer_time_ms) <= 0) return std::unexpected("no answer to a listener");
    const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size <= 0) return std::unexpected("a listener was turned away without an answer");
    head.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (!head.starts_with("HTTP/1.1 200 ")) {
    return std::unexpected(std::format("status {}", head.substr(9, 3)));
  }
  return head.size();
}

}  // namespace

std::expected<Listeners, std::string> Listeners::open(const Address& address,
                                                      const std::string& target, int count) {
  Listeners all;
  all.scrap_.resize(256 * 1024);
  all.epoll_ = Descriptor{::epoll_create1(EPOLL_CLOEXEC)};
  if (all.epoll_.get() < 0) return std::unexpected(failed_to("make an epoll"));
  const auto request = std::format(
      "GET {} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", target);
  for (int n = 0; n < count; ++n) {
    auto socket = connect_to(address);
    if (!socket) return std::unexpected(std::move(socket.error()));
    const auto sent = ::send(socket->get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request.size())) return std::unexpected(failed_to("send"));
    const auto head = await_head(socket->get());
    if (!head) return std::unexpected(head.error());
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = all.streams_.size();
    if (::epoll_ctl(all.epoll_.get(), EPOLL_CTL_ADD, socket->get(), &event) != 0) {
      return std::unexpected(failed_to("watch a listener"));
    }
    all.streams_.push_back({.socket = std::move(*socket), .bytes = *head});
  }
  return all;
}

std::expected<void, std::string> Listeners::listen(int stop) {
  epoll_event stopping{};
  stopping.events = EPOLLIN;
  stopping.data.u64 = streams_.size();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop, &stopping) != 0) {
    return std::unexpected(failed_to("watch for the end"));
  }
  std::array<epoll_event, 128> events{};
  while (true) {
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) return std::unexpected(failed_to("wait for events"));
    for (std::size_t n = 0; n < static_cast<std::size_t>(std::max(count, 0)); ++n) {
      if (events[n].data.u64 == streams_.size()) return {};
      if (auto fine = read(streams_[events[n].data.u64]); !fine) return fine;
    }
  }
}

std::expected<void, std::string> Listeners::read(Stream& stream) {
  const auto size = ::recv(stream.socket.get(), scrap_.data(), scrap_.size(), 0);
  if (size > 0) {
    stream.bytes += static_cast<std::uint64_t>(size);
    return {};
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  return std::unexpected("the allocator ended a listener's stream");
}

std::uint64_t Listeners::bytes() const {
  return std::accumulate(streams_.begin(), streams_.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Stream& one) { return sum + one.bytes; });
}

std::uint64_t Listeners::least_bytes() const {
  const auto least = std::ranges::min_element(streams_, {}, &Stream::bytes);
  return least == streams_.end() ? 0 : least->bytes;
}

}  // namespace gpuhub::bench
