// What a handler answers with: one response, or a stream that is written to later. Handed over by
// Server; all of it is used on the loop's thread only.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "http/event_stream.hpp"
#include "http/message.hpp"

namespace gpuhub::http {

// One request's answering side: an exchange of the server's, or a function behind Respond.
class Answerer {
 public:
  virtual ~Answerer() = default;
  virtual void answer(Response response) = 0;
  virtual std::shared_ptr<StreamSink> stream(Response head) = 0;
  virtual void dropped() noexcept = 0;  // Respond has gone without an answer

  std::move_only_function<void(int status)> observed;  // may be empty
  std::move_only_function<void()> left;                // likewise
};

// Gives the answer: once, on the loop's thread, now or later. Does nothing if the client has left
// or time is up. Dropped uncalled: the client gets a 500.
class Respond {
 public:
  Respond() = default;
  explicit Respond(std::shared_ptr<Answerer> answerer) : answerer_(std::move(answerer)) {}
  // Any function that takes a Response, for tests and whoever stands in between. A stream asked of
  // it is a response without a body, and closed.
  template <typename Function>
    requires std::invocable<Function&, Response> &&
             (!std::same_as<std::remove_cvref_t<Function>, Respond>)
  Respond(Function function);  // NOLINT: converts, as std::function does
  ~Respond() { drop(); }
  Respond(Respond&&) = default;
  Respond& operator=(Respond&& other) noexcept;

  void operator()(Response response);
  // Answers with a body that goes on until the stream's end, however long that takes. `head.body`
  // if not empty is its first text. The client of a HEAD gets the head alone. Where a socket has
  // Limits::streams_max streams already the client gets a 503. Closed from the start if so.
  EventStream stream(Response head);
  // `tell` is called once if nobody waits for the answer any more: the client has left, or time
  // is up. For who waits long; the answer may be given all the same.
  void on_left(std::move_only_function<void()> tell);
  // `tell` is called with the status just before the answer is given. For logs.
  void observe(std::move_only_function<void(int status)> tell);

  explicit operator bool() const { return answerer_ != nullptr; }

 private:
  std::shared_ptr<Answerer> take(int status);
  void drop();
  std::shared_ptr<Answerer> answerer_;
};

template <typename Function>
  requires std::invocable<Function&, Response> &&
           (!std::same_as<std::remove_cvref_t<Function>, Respond>)
Respond::Respond(Function function) {
  struct Calls final : Answerer {
    explicit Calls(Function call) : function(std::move(call)) {}
    void answer(Response response) override { function(std::move(response)); }
    std::shared_ptr<StreamSink> stream(Response head) override {
      function(std::move(head));
      return nullptr;
    }
    void dropped() noexcept override {}
    Function function;
  };
  answerer_ = std::make_shared<Calls>(std::move(function));
}

}  // namespace gpuhub::http
