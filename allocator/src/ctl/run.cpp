// gpuctl run -- docker run …: a lease for one container. The lease is bound to the container after
// it is created and before it starts, so that no container ever runs on a GPU that is not its own:
// a grant may have lapsed meanwhile, and another may have its GPUs.
#include <unistd.h>

#include <format>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/claim.hpp"
#include "ctl/commands.hpp"
#include "ctl/docker.hpp"
#include "ctl/docker_run.hpp"
#include "ctl/lease_parts.hpp"

namespace gpuhub::ctl {
namespace {

constexpr int end_polls_max = 5;   // until the allocator has noticed a container's end
constexpr int end_poll_s = 3;

int give_up(const std::string& message, int status) {
  fail(message);
  return status;
}

// Did the container of this lease run? Asked where the engine has removed it and its end does not
// tell: the allocator has seen its events. Without an answer: no.
bool has_run(const std::string& socket, const std::string& lease) {
  std::string revision;
  for (int i = 0; i < end_polls_max; ++i) {
    const auto now = get_good(socket, lease_target(lease, end_poll_s, revision));
    if (!now) return false;
    if (text_at(*now, "state") == "ended") return text_at(*now, "reason") == "container_exited";
    revision = text_at(*now, "revision");
  }
  return false;
}

// The lease is granted; from create to the end of it all.
int run_with(const boost::json::value& lease, const Common& common, Docker& docker) {
  const std::string id = text_at(lease, "id");
  const auto inject = docker_arguments(lease);
  if (!inject) {
    give_back(common.socket, id);
    return give_up("the lease does not say what docker is to be told", never_ran);
  }
  const auto container = docker.create(*inject);
  if (!container) {
    give_back(common.socket, id);
    return give_up(container.error().message + "; the lease is given back",
                   container.error().status);
  }
  const auto drop = [&](const std::string& message, int status) {
    docker.remove(*container);
    give_back(common.socket, id);
    return give_up(message + "\nthe container is removed, the lease is given back", status);
  };
  if (const auto bound = bind_lease(common.socket, lease, *container); !bound) {
    return drop(bound.error().message, never_ran);
  }
  const auto end = docker.start(*container);
  if (!end) return drop(end.error().message, end.error().status);
  if (end->ran == Docker::Ran::no) return drop("the container did not start", end->status);
  if (end->ran == Docker::Ran::yes || has_run(common.socket, id)) return end->status;
  give_back(common.socket, id);
  return give_up("the container did not start, and the engine has removed it (--rm)", never_ran);
}

}  // namespace

int run(const Common& common, const AskOptions& options, const std::vector<std::string>& typed) {
  const auto command = read_docker_run(typed);
  if (!command) {
    return give_up(printable(command.error().what) + "\ntry this: " +
                       printable(command.error().instead),
                   never_ran);
  }
  const bool reads_terminal = command->interactive && command->tty && !command->detach;
  if (reads_terminal && ::isatty(STDIN_FILENO) != 1) {
    return give_up("-it needs a terminal to read from\ntry this: without -t", 1);  // docker's own
  }
  const auto wish = wish_of(options, common.socket, command->name.value_or(""));
  if (!wish) return give_up(wish.error(), 2);
  Signals signals;
  Docker docker{*command, signals};
  if (const auto there = docker.fetch_image(); !there) {
    return give_up(there.error().message, there.error().status);
  }
  const auto lease = claim(common.socket, *wish, signals);
  if (!lease) {
    const int signal = lease.error().signal;
    return give_up(lease.error().message, signal != 0 ? status_of_signal(signal) : never_ran);
  }
  say(std::format("lease {}: {}", text_at(*lease, "id"), granted_words(*lease)));
  return run_with(*lease, common, docker);
}

}  // namespace gpuhub::ctl
