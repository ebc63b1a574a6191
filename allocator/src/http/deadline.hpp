// A limit on what happens on a socket, set anew for each phase. For the sources of http/ only.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

#include "http/loop_impl.hpp"

namespace gpuhub::http {

using UnixSocket = asio::local::stream_protocol::socket;

// Past the limit, operations on the socket end with `operation_aborted`; the socket stays open, so
// that the reason can still be said.
class Deadline {
 public:
  explicit Deadline(UnixSocket& socket) : impl_(std::make_shared<Impl>(socket)) {}
  ~Deadline() {
    end();
    impl_->socket = nullptr;
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void begin(std::chrono::milliseconds limit) {
    impl_->passed = false;
    impl_->wait(limit);
  }
  void end() {
    ++impl_->phase;
    impl_->timer.cancel();
  }
  bool passed() const { return impl_->passed; }  // in the phase begun last

 private:
  struct Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(UnixSocket& of) : timer(of.get_executor()), socket(&of) {}

    void wait(std::chrono::milliseconds limit) {
      timer.expires_after(limit);
      const std::uint64_t mine = ++phase;
      timer.async_wait([self = shared_from_this(), mine](boost::system::error_code error) {
        if (error || self->phase != mine || self->socket == nullptr) return;
        self->passed = true;
        self->socket->cancel(error);
        // A composed read may be between two steps, where cancel meets nothing: so again, soon.
        self->wait(std::chrono::milliseconds{50});
      });
    }

    asio::steady_timer timer;
    UnixSocket* socket;
    std::uint64_t phase = 0;
    bool passed = false;
  };
  std::shared_ptr<Impl> impl_;
};

}  // namespace gpuhub::http
