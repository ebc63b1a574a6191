#include "http/loop.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>

#include "http/loop_impl.hpp"

namespace gpuhub::http {
namespace {

void wait_signal(asio::signal_set& set, std::shared_ptr<std::function<void(int)>> on_signal) {
  set.async_wait([&set, on_signal](const boost::system::error_code& error, int number) {
    if (error) return;
    (*on_signal)(number);
    wait_signal(set, on_signal);
  });
}

}  // namespace

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() {
  impl_->io.run();
  impl_->io.restart();
}

bool Loop::run_until(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    impl_->io.run_one_until(end);
    if (impl_->io.stopped()) {
      impl_->io.restart();
      return done();
    }
  }
  return true;
}

void Loop::stop() { impl_->io.stop(); }

void Loop::post(std::move_only_function<void()> what) { asio::post(impl_->io, std::move(what)); }

void Loop::at_turn_end(std::move_only_function<void()> what) {
  if (!impl_->in_turn) return post(std::move(what));
  impl_->turn_end.push_back(std::move(what));
}

void Loop::stay_awake(std::chrono::microseconds how_long) {
  impl_->awake_until = std::chrono::steady_clock::now() + how_long;
  if (!impl_->awake) impl_->look_out();
}

void Loop::on_signal(const std::vector<int>& signals, std::function<void(int)> on_signal) {
  auto set = std::make_unique<asio::signal_set>(impl_->io);
  for (const int number : signals) set->add(number);
  wait_signal(*set, std::make_shared<std::function<void(int)>>(std::move(on_signal)));
  impl_->signals.push_back(std::move(set));
}

struct Timer::Impl : std::enable_shared_from_this<Timer::Impl> {
  Impl(Loop& loop, std::function<void()> call)
      : timer(loop.impl().io), on_time(std::move(call)) {}

  void set(std::chrono::microseconds after) {
    const std::uint64_t mine = ++generation;
    waits = true;
    timer.expires_after(after);
    timer.async_wait([self = shared_from_this(), mine](const boost::system::error_code& error) {
      if (error || self->generation != mine) return;
      self->waits = false;
      self->on_time();
    });
  }
  void set_at_most(std::chrono::microseconds after) {
    if (!waits || timer.expiry() > std::chrono::steady_clock::now() + after) set(after);
  }
  void cancel() {
    waits = false;
    ++generation;  // also voids a call that is queued already
    timer.cancel();
  }

  asio::steady_timer timer;
  std::function<void()> on_time;
  std::uint64_t generation = 0;
  bool waits = false;  // a call will come
};

Timer::Timer(Loop& loop, std::function<void()> on_time)
    : impl_(std::make_shared<Impl>(loop, std::move(on_time))) {}
Timer::~Timer() { impl_->cancel(); }
void Timer::set(std::chrono::microseconds after) { impl_->set(after); }
void Timer::set_at_most(std::chrono::microseconds after) { impl_->set_at_most(after); }
void Timer::cancel() { impl_->cancel(); }

}  // namespace gpuhub::http
