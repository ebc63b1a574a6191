#include "runtime/fake_runtime.hpp"

#include <format>
#include <memory>
#include <utility>

#include "model/assert.hpp"

namespace gpuhub::runtime {
namespace {

Error not_found(const model::ContainerId& id) {
  return {ErrorKind::not_found, std::format("no such container: {}", id.str())};
}

}  // namespace

model::ContainerId FakeRuntime::id_of(int number) {
  return *model::ContainerId::parse(std::format("{:064x}", number));
}

bool FakeRuntime::holds(const Container& container) {
  using enum ContainerState;
  return container.state == running || container.state == paused || container.state == restarting;
}

const Container* FakeRuntime::find(const model::ContainerId& id) const {
  const auto at = containers_.find(id);
  return at == containers_.end() ? nullptr : &at->second;
}

// ---- the port ----

// `done` and `answer` are shared by settling and failing; only one of them is used in the end.
template <typename T>
void FakeRuntime::call(Done<T> done, std::move_only_function<std::expected<T, Error>()> answer) {
  auto tell = std::make_shared<Done<T>>(std::move(done));
  calls_.push_back(
      {.settle = [tell, answer = std::move(answer)](
                     std::optional<Error> failing) mutable -> std::move_only_function<void()> {
         auto result = failing ? std::unexpected(*std::move(failing)) : answer();
         return [tell, result = std::move(result)]() mutable { (*tell)(std::move(result)); };
       },
       .deliver = {},
       .fail = [tell](Error error) { (*tell)(std::unexpected(std::move(error))); }});
}

void FakeRuntime::list(Done<std::vector<Container>> done) {
  call<std::vector<Container>>(
      std::move(done), [this]() -> std::expected<std::vector<Container>, Error> {
        if (on_look) on_look(nullptr);
        std::vector<Container> found;
        for (const auto& [id, container] : containers_) {
          if (!container.labelled() && !holds(container)) continue;
          found.push_back(container);
          found.back().exit_code.reset();  // a real list has none of these
          found.back().claim.reset();
        }
        return found;
      });
}

void FakeRuntime::inspect(const model::ContainerId& id, Done<Container> done) {
  call<Container>(std::move(done), [this, id]() -> std::expected<Container, Error> {
    if (on_look) on_look(&id);
    const auto* container = find(id);
    if (container == nullptr) return std::unexpected(not_found(id));
    Container answer = *container;
    if (answer.names_lease()) answer.claim.reset();
    if (holds(answer)) answer.exit_code.reset();
    return answer;
  });
}

void FakeRuntime::remove_created(const model::ContainerId& id, Done<std::monostate> done) {
  call<std::monostate>(std::move(done), [this, id]() -> std::expected<std::monostate, Error> {
    if (on_look) on_look(&id);
    const auto* container = find(id);
    if (container == nullptr) return std::unexpected(not_found(id));
    if (!container->labelled()) {
      return std::unexpected(Error{ErrorKind::failed, "the container is not ours"});
    }
    if (container->state != ContainerState::created) {
      return std::unexpected(Error{ErrorKind::failed, "the container is not in state created"});
    }
    remove(id);
    return std::monostate{};
  });
}

void FakeRuntime::stop(const model::ContainerId& id, std::chrono::seconds,
                       Done<std::monostate> done) {
  call<std::monostate>(std::move(done), [this, id]() -> std::expected<std::monostate, Error> {
    const auto* container = find(id);
    if (container == nullptr) return std::unexpected(not_found(id));
    if (!container->labelled()) {
      return std::unexpected(Error{ErrorKind::failed, "the container is not ours"});
    }
    if (holds(*container) && !give_up(id)) end(id, 143, false);
    return std::monostate{};
  });
}

void FakeRuntime::capabilities(Done<Capabilities> done) {
  call<Capabilities>(std::move(done),
                     [this]() -> std::expected<Capabilities, Error> { return has; });
}

void FakeRuntime::watch(std::move_only_function<void(Signal)> on_signal) {
  GPUHUB_ASSERT(!on_signal_);
  on_signal_ = std::move(on_signal);
}

// ---- containers ----

void FakeRuntime::event(EventKind kind, const Container& container, std::optional<int> exit_code) {
  if (!connected_) return;
  signals_.emplace_back(ContainerEvent{.kind = kind, .container = container.id,
                                       .labels = container.labels, .exit_code = exit_code,
                                       .at = wall});
}

model::ContainerId FakeRuntime::create(int number, std::string name,
                                       std::map<std::string, std::string> labels,
                                       bool auto_remove) {
  const auto id = id_of(number);
  const auto [at, added] = containers_.emplace(
      id, Container{.id = id, .name = std::move(name), .state = ContainerState::created,
                    .labels = std::move(labels), .exit_code = {}, .oom_killed = false,
                    .image = {}, .claim = {}});
  GPUHUB_ASSERT(added);
  auto_remove_[id] = auto_remove;
  event(EventKind::created, at->second);
  return id;
}

model::ContainerId FakeRuntime::create_foreign(int number, std::string name, std::string image,
                                               std::optional<model::GpuClaim> claim,
                                               bool auto_remove) {
  const auto id = create(number, std::move(name), {}, auto_remove);
  containers_.at(id).image = std::move(image);
  containers_.at(id).claim = std::move(claim);
  return id;
}

bool FakeRuntime::start(const model::ContainerId& id) {
  const auto at = containers_.find(id);
  if (at == containers_.end()) return false;
  if (holds(at->second) && at->second.state != ContainerState::restarting) return false;
  at->second.state = ContainerState::running;
  at->second.exit_code.reset();
  at->second.oom_killed = false;
  event(EventKind::started, at->second);
  return true;
}

void FakeRuntime::end(const model::ContainerId& id, int exit_code, bool oom) {
  auto& container = containers_.at(id);
  container.state = ContainerState::exited;
  container.exit_code = exit_code;
  container.oom_killed = oom;
  if (oom) event(EventKind::out_of_memory, container);
  event(EventKind::died, container, exit_code);
  if (auto_remove_.at(id)) remove(id);
}

bool FakeRuntime::die(const model::ContainerId& id, int exit_code, bool oom) {
  const auto* container = find(id);
  if (container == nullptr || !holds(*container)) return false;
  if (container->state == ContainerState::restarting) return false;  // nothing is left to die
  end(id, exit_code, oom);
  return true;
}

bool FakeRuntime::pause(const model::ContainerId& id) {
  const auto at = containers_.find(id);
  if (at == containers_.end() || at->second.state != ContainerState::running) return false;
  at->second.state = ContainerState::paused;
  event(EventKind::other, at->second);
  return true;
}

bool FakeRuntime::unpause(const model::ContainerId& id) {
  const auto at = containers_.find(id);
  if (at == containers_.end() || at->second.state != ContainerState::paused) return false;
  at->second.state = ContainerState::running;
  event(EventKind::other, at->second);
  return true;
}

bool FakeRuntime::rename(const model::ContainerId& id, std::string name) {
  const auto at = containers_.find(id);
  if (at == containers_.end()) return false;
  at->second.name = std::move(name);
  event(EventKind::other, at->second);
  return true;
}

bool FakeRuntime::crash(const model::ContainerId& id, int exit_code) {
  const auto at = containers_.find(id);
  if (at == containers_.end() || at->second.state != ContainerState::running) return false;
  at->second.state = ContainerState::restarting;
  at->second.exit_code = exit_code;
  event(EventKind::died, at->second, exit_code);
  return true;
}

bool FakeRuntime::give_up(const model::ContainerId& id, bool killed) {
  const auto at = containers_.find(id);
  if (at == containers_.end() || at->second.state != ContainerState::restarting) return false;
  at->second.state = ContainerState::exited;
  if (!killed) event(EventKind::other, at->second);
  return true;
}

bool FakeRuntime::remove(const model::ContainerId& id) {
  const auto at = containers_.find(id);
  if (at == containers_.end()) return false;
  const bool waits = at->second.state == ContainerState::restarting;  // it has died already
  if (holds(at->second) && !waits) event(EventKind::died, at->second, 137);
  event(EventKind::destroyed, at->second);
  auto_remove_.erase(id);
  containers_.erase(at);
  return true;
}

// ---- signals and calls ----

void FakeRuntime::connect() {
  GPUHUB_ASSERT(on_signal_);
  connected_ = true;
  signals_.emplace_back(Connected{});
}

void FakeRuntime::disconnect(std::string why) {
  connected_ = false;
  signals_.clear();
  if (on_signal_) signals_.emplace_back(Disconnected{std::move(why)});
}

bool FakeRuntime::is_event(std::size_t index) const {
  return std::holds_alternative<ContainerEvent>(signals_.at(index));
}

void FakeRuntime::deliver_signal(std::size_t index) {
  Signal signal = std::move(signals_.at(index));
  lose_signal(index);
  if (const auto* event = std::get_if<ContainerEvent>(&signal); event != nullptr && on_event) {
    on_event(event->container);
  }
  if (on_signal_) on_signal_(std::move(signal));
}

void FakeRuntime::lose_signal(std::size_t index) {
  GPUHUB_ASSERT(index < signals_.size());
  signals_.erase(signals_.begin() + static_cast<std::ptrdiff_t>(index));
}

void FakeRuntime::repeat_signal(std::size_t index) { signals_.push_back(signals_.at(index)); }

void FakeRuntime::settle(std::size_t index) {
  Call& call = calls_.at(index);
  if (!call.deliver) call.deliver = call.settle(failing_);
}

void FakeRuntime::deliver_call(std::size_t index) {
  settle(index);
  Call call = std::move(calls_.at(index));
  calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(index));
  call.deliver();
}

void FakeRuntime::fail_call(std::size_t index, Error error) {
  Call call = std::move(calls_.at(index));
  calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(index));
  call.fail(std::move(error));
}

void FakeRuntime::deliver_all() {
  while (!signals_.empty() || !calls_.empty()) {
    if (!signals_.empty()) {
      deliver_signal();
    } else {
      deliver_call();
    }
  }
}

void FakeRuntime::watcher_died() {
  calls_.clear();
  signals_.clear();
  on_signal_ = {};
  connected_ = false;
}

}  // namespace gpuhub::runtime
