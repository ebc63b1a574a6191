#include "hub.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace gpuhub::sim {
namespace {

std::map<std::string, std::string> labels_of(const model::Lease& lease) {
  std::string gpus;
  for (const auto& id : lease.gpus) gpus += (gpus.empty() ? "" : ",") + std::string{id.str()};
  return {{"gpuhub.lease", std::string{lease.id.str()}},
          {"gpuhub.owner",
           std::format("{}/{}/", lease.request.owner.hub.str(), lease.request.owner.user)},
          {"gpuhub.gpus", gpus},
          {"gpuhub.mode", std::string{to_string(lease.request.mode)}},
          {"gpuhub.epoch", std::string{lease.epoch.str()}}};
}

}  // namespace

Hub::Hub(HubOptions options, Chance& chance, runtime::FakeRuntime& engine)
    : options_(options), chance_(chance), engine_(engine) {
  for (int n = 0; n < options_.users; ++n) {
    users_.push_back(std::make_unique<User>());
    users_.back()->name = std::format("user{}", n);
    users_.back()->hub = n % 2 == 0 ? "hub" : "other";
  }
}

std::size_t Hub::waiting() const {
  return static_cast<std::size_t>(std::ranges::count_if(users_, [](const auto& user) {
    return user->at == At::asking || user->at == At::looking || user->at == At::binding ||
           user->at == At::releasing;
  }));
}

// Answers come at most once, and only to whom still waits for them.
service::Reply<service::LeaseAnswer> Hub::reply(User& user, At on_success, At on_refusal) {
  user.call = ++calls_;
  return [this, &user, call = user.call, on_success, on_refusal,
          told = std::make_unique<bool>(false)](auto answer) {
    if (std::exchange(*told, true)) on_wrong("a request was answered twice");
    if (answer) on_answer(answer->lease);
    if (user.call != call) return;
    if (!answer) {
      user.at = on_refusal;
      return;
    }
    user.lease = answer->lease;
    // A retry may be told of a lease that has moved on, or ended.
    user.at = answer->lease.live() || on_success == At::idle ? on_success : At::idle;
    if (answer->lease.state == model::LeaseState::queued) user.at = At::queued;
  };
}

void Hub::ask(User& user, service::Service& service, bool again) {
  if (!again) {
    forget(user);
    ++user.attempt;
    user.waits = chance_.one_in(2);
    user.mode = chance_.one_in(4) ? model::Mode::exclusive : model::Mode::shared;
    switch (chance_.pick(6)) {
      case 0: user.want = model::WantNone{}; break;
      case 1: user.want = model::WantAll{}; break;
      case 2: user.want = model::WantPositions{{chance_.between(0, options_.gpus)}}; break;
      default: user.want = model::WantCount{chance_.between(1, 2)};
    }
  }
  user.at = At::asking;
  service.ask({.id = *model::RequestId::parse(std::format("{}-{}", user.name, user.attempt)),
               .owner = {*model::HubName::parse(user.hub), user.name, ""}, .groups = {},
               .want = user.want, .mode = user.mode, .capabilities = {}, .wait = user.waits},
              reply(user, At::granted, At::idle));
}

void Hub::forget(User& user) {
  user.at = At::idle;
  user.call = 0;
  user.lease.reset();
  user.container.reset();
}

void Hub::create(User& user) {
  ++containers_;
  user.container = engine_.create(containers_, std::format("{}-c{}", user.name, containers_),
                                  labels_of(*user.lease), chance_.one_in(2));
}

void Hub::bind(User& user, service::Service& service) {
  user.at = At::binding;
  service.bind({user.lease->id, *user.container, user.lease->epoch},
               reply(user, At::bound, At::idle));
}

void Hub::start(User& user) {
  engine_.start(*user.container);
  user.at = At::running;
}

void Hub::release(User& user, service::Service& service) {
  user.at = At::releasing;
  service.release(user.lease->id, reply(user, At::idle, At::idle));
}

std::string Hub::wait(User& user, service::Service& service) {
  const auto id = user.lease->id;
  switch (chance_.pick(12)) {
    case 0:
      release(user, service);
      return user.name + " cancels";
    case 1:
    case 2: return user.name + " waits";
    case 3:
    case 4:
    case 5:
      user.at = At::looking;
      service.renew(id, reply(user, At::granted, At::idle));
      return user.name + " renews";
    default:
      user.at = At::looking;
      service.lease(id, reply(user, At::granted, At::idle));
      return user.name + " looks";
  }
}

std::string Hub::dies() {
  const std::string hub = chance_.one_in(2) ? "hub" : "other";
  for (auto& user : users_) {
    if (user->hub == hub) forget(*user);
  }
  return "the hub " + hub + " dies";
}

std::string Hub::act(service::Service* service) {
  User& user = *users_.at(chance_.pick(users_.size()));
  const bool careless = options_.careless && chance_.one_in(12);
  if (careless && chance_.one_in(2)) {
    forget(user);
    return user.name + " is forgotten";
  }
  if (service == nullptr) return user.name + " waits for the daemon";
  switch (user.at) {
    case At::idle:
      if (user.lease && chance_.one_in(3)) {
        release(user, *service);
        return user.name + " releases again";
      }
      ask(user, *service, user.attempt > 0 && !user.lease && chance_.one_in(4));
      return user.name + " asks";
    case At::queued: return wait(user, *service);
    case At::granted:
      if (!user.container) {
        create(user);
        return user.name + " creates";
      }
      if (careless) {
        start(user);
        return user.name + " starts without a bind";
      }
      bind(user, *service);
      return user.name + " binds";
    case At::bound:
      start(user);
      return user.name + " starts";
    case At::running:
      if (chance_.one_in(2)) {
        const int exit_code = chance_.between(0, 255);
        engine_.die(*user.container, exit_code, chance_.one_in(9));
      }
      release(user, *service);
      return user.name + " stops and releases";
    default: return user.name + " waits";
  }
}

void Hub::daemon_died() {
  for (auto& user : users_) {
    user->call = 0;
    if (user->at == At::asking) user->at = At::idle;          // asks again, some with the same id
    if (user->at == At::looking) user->at = At::queued;       // looks again
    if (user->at == At::binding) user->at = At::granted;      // binds again
    if (user->at == At::releasing) user->at = At::idle;       // may release again
  }
}

void Hub::stop_all(service::Service& service) {
  for (auto& user : users_) {
    if (user->lease && chance_.one_in(2)) release(*user, service);
    // Who waits still waits: it must be answered.
    else if (user->at != At::asking && user->at != At::looking && user->at != At::binding &&
             user->at != At::releasing) {
      forget(*user);
    }
  }
}

}  // namespace gpuhub::sim
