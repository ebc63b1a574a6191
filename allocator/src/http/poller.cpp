#include "http/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <span>
#include <utility>
#include <vector>

#include "http/loop_impl.hpp"
#include "model/assert.hpp"

namespace gpuhub::http {
namespace {
constexpr int batch_max = 64;
constexpr std::uint32_t always = EPOLLIN | EPOLLRDHUP | EPOLLET;  // hang-ups and errors come anyway

epoll_event event_for(Polled& polled, std::uint32_t events) {
  return {.events = events, .data = {.ptr = &polled}};
}
}  // namespace

struct Poller::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(Loop& on) : loop(on.impl()), set(loop.io, ::epoll_create1(EPOLL_CLOEXEC)) {}

  // The loop tells when the set has something: to ask for that is a system call.
  void arm() {
    set.async_wait(asio::posix::descriptor_base::wait_read,
                   [self = shared_from_this()](const boost::system::error_code& error) {
                     if (!error && !self->closed) self->dispatch();
                   });
  }

  void look_again() {
    asio::post(loop.io, [self = shared_from_this()] {
      if (!self->closed) self->dispatch();
    });
  }

  void dispatch() {
    const int found = ::epoll_wait(set.native_handle(), events.data(), batch_max, 0);
    GPUHUB_ASSERT(found >= 0 || errno == EINTR);
    batch = std::span{events}.first(found > 0 ? static_cast<std::size_t>(found) : 0);
    loop.in_turn = true;
    while (!batch.empty()) {
      const epoll_event event = batch.front();
      batch = batch.subspan(1);
      // remove() takes out whoever went while the batch was served.
      if (event.data.ptr != nullptr) static_cast<Polled*>(event.data.ptr)->ready(event.events);
    }
    loop.end_turn();
    if (closed) return;
    // While there is something, and while the loop does not sleep, without being told.
    found > 0 || loop.awake ? look_again() : arm();
  }

  void run_waiting() {
    for (auto& what : std::exchange(waiting, {})) {
      if (closed) return;
      what();
    }
  }

  Loop::Impl& loop;
  asio::posix::stream_descriptor set;
  std::array<epoll_event, batch_max> events{};
  std::span<epoll_event> batch;  // of `events`: still to be told
  std::vector<std::move_only_function<void()>> waiting;
  bool closed = false;
};

Poller::Poller(Loop& loop) : impl_(std::make_shared<Impl>(loop)) { impl_->arm(); }

void Poller::close() {
  if (std::exchange(impl_->closed, true)) return;
  impl_->batch = {};
  boost::system::error_code ignored;
  impl_->set.close(ignored);
  // What waits may hold the last of somebody, who may have to do with us once more.
  const auto waiting = std::exchange(impl_->waiting, {});
}

bool Poller::add(int fd, Polled& polled) {
  epoll_event event = event_for(polled, always);
  return ::epoll_ctl(impl_->set.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::want_writable(int fd, Polled& polled, bool wanted) {
  epoll_event event = event_for(polled, wanted ? always | EPOLLOUT : always);
  const int result = ::epoll_ctl(impl_->set.native_handle(), EPOLL_CTL_MOD, fd, &event);
  GPUHUB_ASSERT(result == 0);
}

void Poller::remove(int fd, Polled& polled) {
  if (impl_->closed) return;
  ::epoll_ctl(impl_->set.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
  for (epoll_event& event : impl_->batch) {
    if (event.data.ptr == &polled) event.data.ptr = nullptr;
  }
}

void Poller::later(std::move_only_function<void()> what) {
  if (impl_->closed) return;
  impl_->waiting.push_back(std::move(what));
  if (impl_->waiting.size() > 1) return;  // they all go in one turn
  asio::post(impl_->loop.io, [impl = impl_] { impl->run_waiting(); });
}

}  // namespace gpuhub::http
