// The inside of Loop, for the sources of http/ only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "http/loop.hpp"

namespace gpuhub::http {

namespace asio = boost::asio;

struct Loop::Impl {
  asio::io_context io{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> until_stopped{io.get_executor()};
  std::vector<std::unique_ptr<asio::signal_set>> signals;
  std::vector<std::move_only_function<void()>> turn_end;  // what is to be called at its end
  bool in_turn = false;  // clients are being served
  std::chrono::steady_clock::time_point awake_until{};
  bool awake = false;  // look_out() will be called

  void end_turn() {
    in_turn = false;
    for (auto& what : std::exchange(turn_end, {})) what();
  }

  // While something waits to be called Asio only looks what the kernel has, and does not sleep.
  void look_out() {
    awake = std::chrono::steady_clock::now() < awake_until;
    if (awake) asio::post(io, [this] { look_out(); });
  }
};

// Starts a coroutine. What it throws comes out of Loop::run(): nothing is swallowed.
inline void spawn(asio::io_context& io, asio::awaitable<void> coroutine) {
  asio::co_spawn(io, std::move(coroutine), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
}

}  // namespace gpuhub::http
