#include "http/respond.hpp"

#include "model/assert.hpp"

namespace gpuhub::http {

EventStream& EventStream::operator=(EventStream&& other) noexcept {
  if (this == &other) return *this;
  end();
  sink_ = std::move(other.sink_);
  return *this;
}

void EventStream::end() {
  if (const auto sink = std::exchange(sink_, nullptr)) sink->end();
}

void EventStream::on_close(std::move_only_function<void()> tell) {
  if (sink_) sink_->on_close(std::move(tell));
}

Respond& Respond::operator=(Respond&& other) noexcept {
  if (this == &other) return *this;
  drop();
  answerer_ = std::move(other.answerer_);
  return *this;
}

void Respond::drop() {
  if (const auto answerer = std::exchange(answerer_, nullptr)) answerer->dropped();
}

std::shared_ptr<Answerer> Respond::take(int status) {
  GPUHUB_ASSERT(answerer_ != nullptr);  // exactly once
  auto answerer = std::exchange(answerer_, nullptr);
  if (answerer->observed) answerer->observed(status);
  return answerer;
}

void Respond::operator()(Response response) {
  take(response.status)->answer(std::move(response));
}

EventStream Respond::stream(Response head) {
  return EventStream{take(head.status)->stream(std::move(head))};
}

void Respond::on_left(std::move_only_function<void()> tell) {
  GPUHUB_ASSERT(answerer_ != nullptr);
  answerer_->left = std::move(tell);
}

void Respond::observe(std::move_only_function<void(int)> tell) {
  GPUHUB_ASSERT(answerer_ != nullptr);
  answerer_->observed = std::move(tell);
}

}  // namespace gpuhub::http
