#include "login/pam_gate.hpp"

#include <security/pam_appl.h>
#include <string.h>  // NOLINT: strdup

#include <cstdlib>
#include <format>
#include <utility>

namespace gpuhub::login {
namespace {

// What a module asks while it works: it gets the password once, at its first hidden question.
struct Conversation {
  const std::string* password;  // null: there is none
  bool given = false;
};

int converse(int count, const pam_message** messages, pam_response** responses, void* data) {
  auto& told = *static_cast<Conversation*>(data);
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  // PAM frees both, the answers and their texts.
  auto* answers = static_cast<pam_response*>(
      std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (answers == nullptr) return PAM_BUF_ERR;
  for (int i = 0; i < count; ++i) {
    const int style = messages[i]->msg_style;
    if (style == PAM_TEXT_INFO || style == PAM_ERROR_MSG) continue;
    if (style == PAM_PROMPT_ECHO_OFF && told.password != nullptr && !told.given) {
      told.given = true;
      answers[i].resp = ::strdup(told.password->c_str());
      if (answers[i].resp != nullptr) continue;
    }
    for (int k = 0; k < i; ++k) std::free(answers[k].resp);
    std::free(answers);
    return PAM_CONV_ERR;
  }
  *responses = answers;
  return PAM_SUCCESS;
}

// How long a refusal takes is the same for all of them, and not PAM's to decide.
void do_not_delay(int, unsigned, void*) {}

class Session {
 public:
  Session(const std::string& service, const std::string& folder, const std::string& name,
          const std::string* password)
      : told_{.password = password}, conversation_{.conv = &converse, .appdata_ptr = &told_} {
    begun_ = ::pam_start_confdir(service.c_str(), name.c_str(), &conversation_,
                                 folder.empty() ? nullptr : folder.c_str(), &handle_);
    if (begun_ == PAM_SUCCESS) {
      void (*const delay)(int, unsigned, void*) = &do_not_delay;
      ::pam_set_item(handle_, PAM_FAIL_DELAY, reinterpret_cast<const void*>(delay));
    }
  }
  ~Session() {
    if (begun_ == PAM_SUCCESS) ::pam_end(handle_, PAM_SUCCESS);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int authenticate() {
    return begun_ != PAM_SUCCESS
               ? begun_
               : ::pam_authenticate(handle_, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  }
  int account() {
    return begun_ != PAM_SUCCESS
               ? begun_
               : ::pam_acct_mgmt(handle_, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  }

 private:
  Conversation told_;
  pam_conv conversation_;
  pam_handle_t* handle_ = nullptr;
  int begun_;
};

Answer answer(Outcome outcome, int code, const char* words) {
  return {.outcome = outcome, .detail = std::format("{} (PAM {})", words, code)};
}

// Before the password was seen to be right, nothing of the account is told but to the log.
Answer of_authentication(int code) {
  switch (code) {
    case PAM_SUCCESS: return {.outcome = Outcome::ok};
    case PAM_AUTH_ERR: return answer(Outcome::wrong, code, "wrong password");
    case PAM_USER_UNKNOWN: return answer(Outcome::wrong, code, "no such account");
    case PAM_MAXTRIES: return answer(Outcome::wrong, code, "too many attempts");
    case PAM_PERM_DENIED: return answer(Outcome::wrong, code, "locked, or not allowed here");
    case PAM_ACCT_EXPIRED: return answer(Outcome::wrong, code, "locked, or expired");
    case PAM_CRED_INSUFFICIENT: return answer(Outcome::wrong, code, "PAM may not check it");
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_AUTHTOK_EXPIRED:
      return answer(Outcome::must_change, code, "the password must be changed");
    default: return answer(Outcome::unavailable, code, "PAM cannot check passwords now");
  }
}

Answer of_account(int code) {
  switch (code) {
    case PAM_SUCCESS: return {.outcome = Outcome::ok};
    case PAM_ACCT_EXPIRED: return answer(Outcome::expired, code, "the account has expired");
    case PAM_AUTHTOK_EXPIRED:
      return answer(Outcome::expired, code, "the password expired and was not changed in time");
    case PAM_NEW_AUTHTOK_REQD:
      return answer(Outcome::must_change, code, "the password must be changed");
    case PAM_PERM_DENIED:
    case PAM_AUTH_ERR:
      return answer(Outcome::locked, code, "locked, or not allowed on this host");
    case PAM_USER_UNKNOWN: return answer(Outcome::not_allowed, code, "no such account");
    default: return answer(Outcome::unavailable, code, "PAM cannot say whether it is open");
  }
}

}  // namespace

PamGate::PamGate(std::string service, std::string folder)
    : service_(std::move(service)), folder_(std::move(folder)) {}

Answer PamGate::check(const std::string& name, const std::string& password) {
  Session session{service_, folder_, name, &password};
  auto right = of_authentication(session.authenticate());
  return right.outcome == Outcome::ok ? of_account(session.account()) : right;
}

Answer PamGate::look(const std::string& name) {
  return of_account(Session{service_, folder_, name, nullptr}.account());
}

}  // namespace gpuhub::login
