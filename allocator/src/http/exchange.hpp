// Where the answer and the session that waits for it meet: what Respond holds. Either may go first.
// Private to Session.
#pragma once

#include <memory>
#include <utility>

#include "http/respond.hpp"
#include "http/session.hpp"

namespace gpuhub::http {

class Session::Exchange final : public Answerer {
 public:
  void begin(Session& session) { session_ = &session; }
  // Nobody waits any more. Gives whom to tell if that is because the client has left.
  std::move_only_function<void()> end() {
    session_ = nullptr;
    if (observed) observed = nullptr;
    return std::exchange(left, nullptr);
  }
  bool waits_for(const Session& session) const { return session_ == &session; }

  void answer(Response response) override {
    if (session_ != nullptr) session_->answered(std::move(response));
  }
  std::shared_ptr<StreamSink> stream(Response head) override {
    return session_ == nullptr ? nullptr : session_->start_stream(std::move(head));
  }
  void dropped() noexcept override {
    if (session_ != nullptr) session_->answer_dropped();
  }

 private:
  Session* session_ = nullptr;
};

}  // namespace gpuhub::http
