// Two hubs with their users, as unreliable as hubs are: they ask, wait, create, bind, start and
// release; lose answers and ask again, give up half-way, start what they should not, and die.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chance.hpp"
#include "checker.hpp"
#include "service/service.hpp"

namespace gpuhub::sim {

struct HubOptions {
  int users = 6;
  int gpus = 3;
  bool careless = true;  // starts without bind, forgets, starts again what has ended
};

class Hub {
 public:
  Hub(HubOptions options, Chance& chance, runtime::FakeRuntime& engine);

  // One thing that one user's spawner does next. `service` is null while the daemon is down.
  std::string act(service::Service* service);
  // Every request under way is lost: the daemon has died, nobody will answer.
  void daemon_died();
  // All users of one of the hubs are forgotten at once; some ask again with the same id.
  std::string dies();
  // Every user gives up; what was asked for is not used any more.
  void stop_all(service::Service& service);

  std::size_t waiting() const;  // requests without an answer
  std::function<void(const model::Lease&)> on_answer;
  std::function<void(const std::string&)> on_wrong;

 private:
  enum class At { idle, asking, queued, looking, granted, binding, bound, running, releasing };
  struct User {
    std::string name;
    std::string hub;
    At at = At::idle;
    int attempt = 0;
    model::Want want;
    model::Mode mode = model::Mode::shared;
    bool waits = false;
    std::optional<model::Lease> lease;
    std::optional<model::ContainerId> container;
    std::uint64_t call = 0;  // the request under way; an answer to an older one is of no use
  };
  service::Reply<service::LeaseAnswer> reply(User& user, At on_success, At on_refusal);
  void ask(User& user, service::Service& service, bool again);
  void create(User& user);
  std::string wait(User& user, service::Service& service);
  void bind(User& user, service::Service& service);
  void release(User& user, service::Service& service);
  void forget(User& user);
  void start(User& user);

  HubOptions options_;
  Chance& chance_;
  runtime::FakeRuntime& engine_;
  std::vector<std::unique_ptr<User>> users_;
  int containers_ = 0;
  std::uint64_t calls_ = 0;
};

}  // namespace gpuhub::sim
