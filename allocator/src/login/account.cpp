#include "login/account.hpp"

#include "model/assert.hpp"
#include "text/json_text.hpp"

namespace gpuhub::login {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "ok";
    case Outcome::wrong: return "wrong";
    case Outcome::not_allowed: return "not-allowed";
    case Outcome::expired: return "expired";
    case Outcome::must_change: return "must-change";
    case Outcome::locked: return "locked";
    case Outcome::unavailable: return "unavailable";
    case Outcome::busy: return "busy";
    case Outcome::bad_request: return "bad-request";
  }
  GPUHUB_ASSERT(!"an outcome without a name");
  return {};
}

std::string to_line(const Answer& answer) {
  text::JsonText out;
  out.text("outcome", to_string(answer.outcome));
  out.text("detail", answer.detail);
  if (const auto& account = answer.account) {
    out.object("account", [&] {
      out.text("name", account->name);
      out.number("uid", account->uid);
      out.number("gid", account->gid);
      out.list("groups", account->groups, [&](const Group& group) {
        out.object_item([&] {
          out.text("name", group.name);
          out.number("gid", group.gid);
        });
      });
      out.text("home", account->home);
      out.text("shell", account->shell);
    });
  }
  return std::move(out).finish() + "\n";
}

}  // namespace gpuhub::login
