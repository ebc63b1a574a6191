#include "login/decide.hpp"

namespace gpuhub::login {
namespace {

constexpr auto locked_words = "the account has no password, or a locked one (usermod -L)";

// PAM cannot say anything about somebody without a password: that is an answer.
Answer told(Answer answer, const Account& account, People& people) {
  if (answer.outcome == Outcome::ok) {
    answer.account = account;
  } else if ((answer.outcome == Outcome::wrong || answer.outcome == Outcome::unavailable) &&
             people.is_locked(account)) {
    answer = {.outcome = Outcome::wrong, .detail = locked_words};
  } else if (answer.outcome == Outcome::unavailable) {
    if (const auto trouble = people.trouble()) answer.detail = *trouble;
  }
  return answer;
}

Answer check(const Request& request, People& people, Gate& gate) {
  const auto account = people.find(request.name);
  if (!account) return account.error();
  if (!is_password(request.password)) {
    return {.outcome = Outcome::wrong, .detail = "an empty, blank or overlong password"};
  }
  return told(gate.check(account->name, request.password), *account, people);
}

Answer look(const Request& request, People& people, Gate& gate) {
  const auto account = people.find(request.name);
  if (!account) return account.error();
  if (people.is_locked(*account)) {
    return {.outcome = Outcome::locked, .detail = locked_words};
  }
  return told(gate.look(account->name), *account, people);
}

}  // namespace

Answer decide(const Request& request, People& people, Gate& gate) {
  switch (request.op) {
    case Op::check: return check(request, people, gate);
    case Op::look: return look(request, people, gate);
    case Op::ping: break;
  }
  if (const auto trouble = people.trouble()) {
    return {.outcome = Outcome::unavailable, .detail = *trouble};
  }
  return {.outcome = Outcome::ok, .detail = "answers"};
}

bool is_refusal(const Request& request, const Answer& answer) {
  return request.op == Op::check && answer.outcome != Outcome::ok &&
         answer.outcome != Outcome::unavailable;
}

}  // namespace gpuhub::login
