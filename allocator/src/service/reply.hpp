// Who gets an answer, and how it is let out once it may leave.
#pragma once

#include <concepts>
#include <expected>
#include <functional>
#include <type_traits>
#include <utility>

#include "service/answers.hpp"

namespace gpuhub::service {

// Lets out an answer that has been made ready. Dropped uncalled if it may never leave.
using Send = std::move_only_function<void()>;

// Gets the outcome once. Of two kinds, by what the function returns: `void` is called when the
// answer may leave; one that returns a Send makes the answer ready and may be called earlier, while
// the disk works, so it lets nothing out and asks nothing of the service.
template <typename T>
class Reply {
 public:
  using Outcome = std::expected<T, Refusal>;

  template <typename Function>
    requires std::invocable<Function&, Outcome> &&
             (!std::same_as<std::remove_cvref_t<Function>, Reply>)
  Reply(Function function) {  // NOLINT: converts, as std::function does
    if constexpr (std::same_as<std::invoke_result_t<Function&, Outcome>, Send>) {
      make_ = std::move(function);
    } else {
      make_ = [function = std::move(function)](Outcome outcome) mutable -> Send {
        return [function = std::move(function), outcome = std::move(outcome)]() mutable {
          function(std::move(outcome));
        };
      };
    }
  }

  Send make_ready(Outcome outcome) { return make_(std::move(outcome)); }
  void operator()(Outcome outcome) { make_ready(std::move(outcome))(); }  // it may leave

 private:
  std::move_only_function<Send(Outcome)> make_;
};

}  // namespace gpuhub::service
