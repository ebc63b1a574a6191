// cell: the first process of the network container that a person's server joins.
//   cell          loads the rules in GPUHUB_CELL_RULES, gives up its rights, prints `ready`, waits
//   cell --try    loads the rules (without GPUHUB_CELL_RULES: some that use all that is needed)
//   --nft PATH    another program in nft's place, for tests
// Ends with 64 for wrong arguments, 69 if rules or rights were not as they must be; then whoever
// waits for `ready` sees the end and the words before it.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <print>
#include <string>
#include <string_view>

#include "cell/cell.hpp"

namespace {

constexpr std::chrono::seconds nft_limit{5};
constexpr int wrong_arguments = 64;
constexpr int not_closed = 69;

// Each kind of expression that the hub's rules have, so that this kernel is known to take them.
constexpr const char* sample = R"(
table inet gpuhub_try {
  set some { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8, 10.1.2.3 } }
  chain refuse { meta l4proto tcp reject with tcp reset; reject with icmpx admin-prohibited; }
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    ip saddr @some tcp dport 8888 accept
  }
  chain output {
    type filter hook output priority filter; policy accept;
    ip daddr @some meta l4proto { tcp, udp } th dport 53 accept
    ip6 daddr fe80::/10 goto refuse
  }
}
)";

struct Options {
  bool only_try = false;
  std::string nft = "/usr/sbin/nft";
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--try") {
      options.only_try = true;
    } else if (word == "--nft" && i + 1 < argc) {
      options.nft = argv[++i];
    } else {
      return false;
    }
  }
  return true;
}

int fail(int status, const std::string& words) {
  std::println(stderr, "cell: {}", words);
  return status;
}

// The first process of a container hears no signal that it has not asked for.
void wait_for_the_end() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  std::puts("ready");
  std::fflush(stdout);
  int which = 0;
  sigwait(&ends, &which);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) return fail(wrong_arguments, "usage: cell [--try] [--nft PATH]");
  const char* told = std::getenv("GPUHUB_CELL_RULES");
  std::string rules = told != nullptr ? told : "";
  if (rules.empty() && options.only_try) rules = sample;
  if (rules.empty()) return fail(wrong_arguments, "GPUHUB_CELL_RULES is empty");
  using namespace gpuhub::cell;
  if (const auto loaded = load_rules(options.nft, rules, nft_limit); !loaded) {
    return fail(not_closed, "the rules were not loaded: " + loaded.error());
  }
  if (options.only_try) return 0;
  if (const auto given_up = give_up_capabilities(); !given_up) {
    return fail(not_closed, given_up.error());
  }
  wait_for_the_end();
  return 0;
}
