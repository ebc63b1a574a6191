// gpuhub-login: reads the host's accounts so that the hub need not. Answers "is this name's
// password right, and who is he" on a socket that only root may use.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <print>
#include <thread>

#include "login/decide.hpp"
#include "login/host_people.hpp"
#include "login/nss.hpp"
#include "login/options.hpp"
#include "login/pam_gate.hpp"
#include "login/server.hpp"
#include "login/sss_people.hpp"
#include "login/unix_client.hpp"

namespace gpuhub::login {
namespace {
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds refusal_time{2'000};  // longer than a hash takes
constexpr std::chrono::milliseconds ping_time{4'000};

// A refusal comes at the same time after its request, whatever its reason.
std::string answer_to(std::string& line, People& people, Gate& gate) {
  const auto begun = Clock::now();
  const auto request = read_request(line);
  wipe(line);
  if (!request) return to_line({.outcome = Outcome::bad_request, .detail = request.error()});
  const Answer answer = decide(*request, people, gate);
  if (is_refusal(*request, answer)) std::this_thread::sleep_until(begun + refusal_time);
  return to_line(answer);
}

int serve(const Options& options) {
  const bool host = options.source == Source::host;
  const auto only = look_up_only_in(host ? "extrausers" : "sss");
  if (!only) {
    std::println(stderr, "gpuhub-login: {}", only.error());
    return 1;
  }
  std::unique_ptr<People> people = std::make_unique<SssPeople>();
  if (host) people = std::make_unique<HostPeople>(options.etc);
  PamGate gate{host ? "gpuhub-host" : "gpuhub-sss"};
  const auto server = Server::create(options.socket(), {}, [&](std::string& line) {
    return answer_to(line, *people, gate);
  });
  if (!server) {
    std::println(stderr, "gpuhub-login: {}", server.error());
    return 1;
  }
  std::println(stderr, "gpuhub-login {}: listens on {}, accounts of {}", GPUHUB_VERSION,
               options.socket(), host ? options.etc : "sssd");
  if (const auto trouble = people->trouble()) {
    std::println(stderr, "gpuhub-login: nobody can log in yet: {}", *trouble);
  }
  (*server)->run();
  return 0;
}

int ask(const Options& options) {
  const auto answered = ping(options.socket(), ping_time);
  if (answered) return 0;
  std::println(stderr, "gpuhub-login: {}", answered.error());
  return 1;
}

// No password is ever written to a disk with a dead process.
void leave_no_core() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace
}  // namespace gpuhub::login

int main(int argc, char** argv) {
  namespace login = gpuhub::login;
  std::signal(SIGPIPE, SIG_IGN);
  login::leave_no_core();
  try {
    const auto options = login::parse_options(argc, argv);
    if (!options) return options.error();
    return options->ping ? login::ask(*options) : login::serve(*options);
  } catch (const std::exception& error) {
    std::println(stderr, "gpuhub-login: internal error: {}", error.what());
    return 1;
  }
}
