// The gate over the real PAM: services of the test's own, of modules that answer as they are told.
#include "login/pam_gate.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gpuhub::login {
namespace {

std::filesystem::path new_folder() {
  std::string name = "/tmp/gpuhub-pam-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

class PamGateTest : public ::testing::Test {
 protected:
  ~PamGateTest() override { std::filesystem::remove_all(folder); }
  void service(const std::string& auth, const std::string& account) const {
    std::ofstream{folder / "gpuhub-host"} << "auth required " << auth << "\naccount required "
                                          << account << "\n";
  }
  // Answers of pam_debug by name.
  void answers(const std::string& auth, const std::string& account) const {
    service("pam_debug.so auth=" + auth, "pam_debug.so acct=" + account);
  }
  std::string check(const std::string& password = "p") {
    return std::string{to_string(gate.check("ana", password).outcome)};
  }
  std::string look() { return std::string{to_string(gate.look("ana").outcome)}; }

  const std::filesystem::path folder = new_folder();
  PamGate gate{"gpuhub-host", folder};
};

TEST_F(PamGateTest, PasswordFirstThenTheAccount) {
  answers("success", "success");
  EXPECT_EQ(check(), "ok");
  EXPECT_EQ(look(), "ok");
  answers("auth_err", "acct_expired");
  EXPECT_EQ(check(), "wrong");  // no word about the account without the password
  EXPECT_EQ(look(), "expired");
}

TEST_F(PamGateTest, WhatIsToldBeforeThePasswordWasRight) {
  const std::pair<const char*, const char*> told[] = {
      {"auth_err", "wrong"},           {"user_unknown", "wrong"},
      {"maxtries", "wrong"},           {"perm_denied", "wrong"},
      {"acct_expired", "wrong"},       {"new_authtok_reqd", "must-change"},
      {"authtok_expired", "must-change"}, {"authinfo_unavail", "unavailable"},
      {"system_err", "unavailable"},   {"conv_err", "unavailable"}};
  for (const auto& [code, outcome] : told) {
    answers(code, "success");
    EXPECT_EQ(check(), outcome) << code;
  }
}

TEST_F(PamGateTest, WhatIsToldOfTheAccount) {
  const std::pair<const char*, const char*> told[] = {
      {"acct_expired", "expired"},   {"authtok_expired", "expired"},
      {"perm_denied", "locked"},     {"new_authtok_reqd", "must-change"},
      {"user_unknown", "not-allowed"}, {"authinfo_unavail", "unavailable"},
      {"service_err", "unavailable"}};
  for (const auto& [code, outcome] : told) {
    answers("success", code);
    EXPECT_EQ(check(), outcome) << code;
    EXPECT_EQ(look(), outcome) << code;
    EXPECT_TRUE(gate.look("ana").detail.contains("(PAM ")) << gate.look("ana").detail;
  }
}

TEST_F(PamGateTest, AServiceThatIsNotThereOrBrokenLetsNobodyIn) {
  EXPECT_NE(check(), "ok");
  EXPECT_NE(look(), "ok");
  service("no_such_module.so", "no_such_module.so");
  EXPECT_NE(check(), "ok");
  EXPECT_NE(look(), "ok");
}

TEST_F(PamGateTest, TheModuleGetsThePasswordAsItIs) {
  const auto script = folder / "compare";
  std::ofstream{script} << "#!/bin/sh\n[ \"$PAM_USER\" = ana ] && [ \"$(tr -d '\\0')\" = 'p \"%s'"
                           " ]\n";
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  service("pam_exec.so quiet expose_authtok " + script.string(), "pam_permit.so");
  EXPECT_EQ(check("p \"%s"), "ok");
  EXPECT_NE(check("p \"%"), "ok");
}

// pam_unix alone would take two seconds; what a refusal takes is not PAM's to decide.
TEST_F(PamGateTest, ARefusalIsNotDelayedHere) {
  service("pam_faildelay.so delay=5000000\nauth required pam_deny.so", "pam_permit.so");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(check(), "wrong");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{3});
}

}  // namespace
}  // namespace gpuhub::login
