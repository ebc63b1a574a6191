// gpuctl acquire: a lease for scripts that create, bind and start a container themselves.
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdio>
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/claim.hpp"
#include "ctl/commands.hpp"
#include "ctl/lease_parts.hpp"
#include "ctl/words.hpp"

namespace gpuhub::ctl {
namespace {

std::string all_words(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& one : arguments) line += (line.empty() ? "" : " ") + shell_word(one);
  return line;
}

std::string uuids(const boost::json::value& lease) {
  std::string names;
  for (const auto& gpu : array_at(lease, "gpus")) {
    names += (names.empty() ? "" : ",") + text_at(gpu, "uuid");
  }
  return names;
}

void print_as(LeaseFormat format, const boost::json::value& lease,
              const std::vector<std::string>& arguments) {
  switch (format) {
    case LeaseFormat::id: std::println("{}", text_at(lease, "id")); break;
    case LeaseFormat::docker: std::println("{}", all_words(arguments)); break;
    case LeaseFormat::env:
      std::println("export GPUHUB_LEASE={}", shell_word(text_at(lease, "id")));
      std::println("export GPUHUB_GPUS={}", shell_word(uuids(lease)));
      std::println("export GPUHUB_DOCKER_RUN={}", shell_word(all_words(arguments)));
      break;
  }
}

// What is left to do, for whoever is at the terminal.
std::string next_steps(const boost::json::value& lease) {
  const auto left = time_left(text_at(lease, "bind_expires_at"));
  const std::int64_t seconds = left.value_or(std::chrono::milliseconds{0}).count() / 1000;
  return std::format(
      "lease {0}: {1}\nit lapses{2} unless a container is bound: docker create, then gpuctl bind "
      "{0} CONTAINER, then docker start",
      printable(text_at(lease, "id")), granted_words(lease),
      seconds > 0 ? " in " + duration_words(seconds) : "");
}

}  // namespace

int acquire(const Common& common, const AskOptions& options, LeaseFormat format) {
  const auto wish = wish_of(options, common.socket, "");
  if (!wish) {
    fail(wish.error());
    return 2;
  }
  Signals signals;
  const auto lease = claim(common.socket, *wish, signals);
  if (!lease) {
    fail(lease.error().message);
    return lease.error().signal != 0 ? status_of_signal(lease.error().signal) : 1;
  }
  const auto arguments = docker_arguments(*lease);
  if (!arguments) {
    give_back(common.socket, text_at(*lease, "id"));
    return fail("the lease does not say what docker is to be told");
  }
  if (common.json) {
    print_json(*lease);
  } else {
    print_as(format, *lease, *arguments);
  }
  std::fflush(stdout);  // the result first, also where both streams are one
  say(next_steps(*lease));
  return 0;
}

}  // namespace gpuhub::ctl
