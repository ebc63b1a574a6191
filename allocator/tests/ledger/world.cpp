#include "world.hpp"

#include <array>
#include <utility>

namespace gpuhub::ledger {
namespace {

std::string reason_name(Reason reason) {
  static constexpr std::array<const char*, 10> names{
      "no_gpu_free", "queue_full", "impossible", "owner_active", "owner_ending", "request_reused",
      "unknown_lease", "unknown_gpu", "lease_state", "stale_epoch"};
  return names.at(static_cast<std::size_t>(std::to_underlying(reason)));
}

}  // namespace

World::World(WorldOptions options)
    : options_(options),
      store_(std::make_unique<store::MemoryStore>(*model::Epoch::parse("e1"))) {
  open();
}

void World::open() {
  Settings settings{.host = *model::HostName::parse("h1"), .gpus = {}, .queue = options_.queue,
                    .watchers = {"exporter"}};
  settings.default_slots = options_.slots;
  settings.history_max = options_.history;
  settings.avoid_foreign = options_.avoid_foreign;
  const auto contents = store_->load();
  now.at = contents->at;  // the ledger's time does not move while the daemon is down
  ledger = std::make_unique<Ledger>(policy_, settings, *contents);
  inventory(options_.gpus);
  apply(SetGranting{true});
}

void World::restart() { open(); }

void World::lose_store() {
  store_ = std::make_unique<store::MemoryStore>(*model::Epoch::parse(std::format("e{}", ++lives_)));
  open();
}

std::string World::apply(const Command& what) {
  last = ledger->apply(what, now);
  if (!last) return reason_name(last.error().reason);
  for (const auto& event : last->events) {
    if (const auto* lease = std::get_if<model::Lease>(&event)) {
      newest_.insert_or_assign(lease->request.owner.user, *lease);
    }
  }
  store_->commit(std::make_shared<const model::Batch>(
                     model::Batch{last->events, ledger->next_serial(), now.at}),
                 [](auto) {});
  store_->finish();
  if (!last->lease) return last->events.empty() ? "nothing" : "done";
  const auto* lease = ledger->find(*last->lease);
  if (lease == nullptr) return "forgotten";
  return (last->events.empty() ? "still " : "") + std::string{to_string(lease->state)};
}

std::string World::ask(const std::string& user, model::Want want, model::Mode mode,
                       const std::string& request) {
  const auto id = request.empty() ? std::format("r{}", ledger->next_serial()) : request;
  return apply(Ask{{.id = *model::RequestId::parse(id),
                    .owner = {*model::HubName::parse("hub"), user, ""}, .groups = {},
                    .want = std::move(want), .mode = mode, .capabilities = {}, .wait = waits}});
}
std::string World::wait(const std::string& user, model::Want want, model::Mode mode,
                        const std::string& request) {
  waits = true;
  auto answer = ask(user, std::move(want), mode, request);
  waits = false;
  return answer;
}
std::string World::foreign(int container, model::GpuClaim claim, const std::string& image) {
  return apply(ForeignHolds{container_id(container), std::format("c{}", container), image,
                            std::move(claim)});
}

const model::Lease& World::lease(const std::string& user) const { return newest_.at(user); }

std::string World::bind(const std::string& user, int container) {
  return apply(Bind{lease(user).id, container_id(container), lease(user).epoch});
}
std::string World::release(const std::string& user) { return apply(Release{lease(user).id}); }
std::string World::expire(const std::string& user) { return apply(Expire{lease(user).id}); }

std::map<std::string, std::string> World::labels(const std::string& user) const {
  const auto& of = lease(user);
  std::string gpus;
  for (const auto& id : of.gpus) gpus += (gpus.empty() ? "" : ",") + std::string{id.str()};
  return {{"gpuhub.lease", std::string{of.id.str()}},
          {"gpuhub.owner", "hub/" + of.request.owner.user + "/" + of.request.owner.server},
          {"gpuhub.gpus", gpus},
          {"gpuhub.mode", std::string{to_string(of.request.mode)}},
          {"gpuhub.epoch", std::string{of.epoch.str()}}};
}

std::string World::labelled(std::map<std::string, std::string> labels, int container,
                            bool started) {
  return apply(ContainerHolds{container_id(container), std::format("c{}", container), started,
                              std::move(labels)});
}
std::string World::container_holds(const std::string& user, int container, bool started) {
  return labelled(labels(user), container, started);
}
std::string World::container_gone(int container, bool exited, int exit_code) {
  return apply(ContainerGone{container_id(container), exited,
                             exited ? std::optional{exit_code} : std::nullopt,
                             exited ? std::optional{false} : std::nullopt});
}

std::string World::fate(const std::string& user) const {
  const auto& of = lease(user);
  std::string text{to_string(of.state)};
  if (of.reason) text += " " + std::string{to_string(*of.reason)};
  if (of.exit_code) text += std::format(" {}", *of.exit_code);
  return text;
}

}  // namespace gpuhub::ledger
