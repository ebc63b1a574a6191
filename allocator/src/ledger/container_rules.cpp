// What the runtime says about containers: who holds GPUs, who has let go.
#include <algorithm>
#include <charconv>
#include <format>
#include <string_view>

#include "ledger/rules.hpp"
#include "model/labels.hpp"

namespace gpuhub::ledger {
namespace {

// The number at the end of "L-<epoch>-<serial>"; nullopt: there is none that we could have given.
std::optional<std::uint64_t> serial_of(const model::LeaseId& id) {
  constexpr std::uint64_t serial_max = 1ULL << 53U;
  const auto dash = id.str().rfind('-');
  const std::string_view digits = std::string_view{id.str()}.substr(dash + 1);
  std::uint64_t serial = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), serial);
  if (error != std::errc{} || end != digits.end() || serial >= serial_max) return std::nullopt;
  return serial;
}

// Does this text name the GPU: its UUID, or the beginning of one, or its index; or one of these (or
// "gpu0") as a CDI name of NVIDIA's?
bool names(std::string_view text, const model::Gpu& gpu) {
  constexpr std::size_t beginning_min = 8;  // of a UUID: "GPU-" and some of it
  if (const auto equals = text.rfind('='); equals != std::string_view::npos) {
    if (!text.starts_with("nvidia.com/")) return false;
    text.remove_prefix(equals + 1);
    if (text.starts_with("gpu")) text.remove_prefix(3);
  }
  const std::string_view id = gpu.info.id.str();
  if (text == "all" || text == id) return true;
  if (text.size() >= beginning_min && text.starts_with("GPU-") && id.starts_with(text)) return true;
  int index = -1;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), index);
  return error == std::errc{} && end == text.end() && index == gpu.index;
}

// Is this node (a path on the host), or one in this folder, the GPU's?
bool is_node(std::string_view path, const model::Gpu& gpu) {
  if (gpu.info.minor && path == "/dev/nvidia" + std::to_string(*gpu.info.minor)) return true;
  return std::ranges::any_of(gpu.info.devices, [&](const model::DeviceNode& node) {
    if (path == node.host_path) return true;
    return node.host_path.starts_with(path) && node.host_path.at(path.size()) == '/';
  });
}

std::string_view without_tag(std::string_view image) {
  const auto slash = image.rfind('/');
  const auto name = slash == std::string_view::npos ? 0 : slash + 1;
  return image.substr(0, image.find_first_of(":@", name));
}

}  // namespace

std::optional<model::Lease> Ledger::Rules::from_labels(const ContainerHolds& holds) const {
  const auto says = model::read_labels(holds.labels);
  if (!says.lease || !says.epoch || !says.owner || !says.gpus || !says.mode) return std::nullopt;
  auto request = model::RequestId::parse(std::format("rebuilt.{}", says.lease->str()));
  if (!request || books.find(*request) != nullptr) return std::nullopt;
  return model::Lease{
      .id = *says.lease,
      .request = {.id = *request, .owner = *says.owner, .groups = {},
                  .want = model::WantGpus{*says.gpus}, .mode = *says.mode,
                  .capabilities = settings.default_capabilities},
      .host = settings.host, .epoch = *says.epoch, .state = model::LeaseState::granted,
      .gpus = *says.gpus, .container = {}, .asked_at = now.at, .queue_expires_at = {},
      .granted_at = now.at, .bind_expires_at = now.at + settings.bind_timeout, .ended_at = {},
      .created_wall = now.wall, .granted_wall = now.wall, .bound_wall = {}, .ended_wall = {},
      .reason = {}, .exit_code = {}, .oom_killed = {}};
}

void Ledger::Rules::note_conflict(const ContainerHolds& holds, std::optional<model::LeaseId> lease,
                                  const std::vector<model::GpuId>& gpus, Applied& into) {
  know(gpus);
  const model::Conflict conflict{holds.container, holds.name, std::move(lease), gpus, now.wall};
  if (books.add(conflict)) into.events.emplace_back(conflict);
}

// May the books take this lease in, that only labels tell of? Not one that was forgotten (it ended
// long ago), and not in the place of one that we granted. Leases from before the store was lost may
// share a GPU as they did then, whatever its slots were: that, too, was lost.
bool Ledger::Rules::may_rebuild(const model::Lease& lease) {
  if (lease.epoch == epoch) {
    const auto serial = serial_of(lease.id);
    if (!serial || *serial < next_serial) return false;
    next_serial = *serial + 1;  // an older copy of the store was put back: never give an id twice
  }
  const auto granted_by_us = [&](const model::Lease* other) {
    return other->holds() && other->epoch == epoch;
  };
  if (std::ranges::any_of(books.live_of(lease.request.owner), granted_by_us)) return false;
  for (const auto& id : lease.gpus) {
    const auto* use = books.room.find(id);
    if (use == nullptr || !use->gpu->present) continue;
    const bool alone = use->exclusive || lease.request.mode == model::Mode::exclusive;
    const bool room = use->leases + use->conflicts < use->gpu->slots && !(alone && use->leases > 0);
    if (!room && std::ranges::any_of(books.live_on(id), granted_by_us)) return false;
  }
  return true;
}

// A container that runs is believed: it takes up its grant, or it is rebuilt into the books, or it
// is a conflict. One that was only created is nothing yet, but for a lost store (see below).
Outcome Ledger::Rules::operator()(const ContainerHolds& holds) {
  Applied done;
  if (const auto* bound = books.by_container(holds.container)) {
    done.lease = bound->id;
    return done;
  }
  if (books.conflicts().contains(holds.container)) return done;
  const auto id = model::read_labels(holds.labels).lease;
  if (!id) return done;

  if (const auto* lease = books.find(*id)) {
    if (!holds.started) return done;
    if (lease->state != model::LeaseState::granted) {
      note_conflict(holds, lease->id, lease->gpus, done);
      return done;
    }
    take_up(*lease, holds.container, done);
    return done;
  }

  auto rebuilt = from_labels(holds);
  if (!rebuilt) return done;
  if (!may_rebuild(*rebuilt)) {
    if (holds.started) note_conflict(holds, rebuilt->id, rebuilt->gpus, done);
    return done;
  }
  // A created one may have been bound in the lost store and be about to start: it holds its GPUs as
  // an unbound grant until then, or until the bind timeout removes it.
  know(rebuilt->gpus);
  if (holds.started) {
    take_up(*std::move(rebuilt), holds.container, done);
  } else {
    change(*std::move(rebuilt), done);
  }
  return done;
}

std::vector<model::GpuId> Ledger::Rules::resolve(const model::GpuClaim& claim) const {
  std::vector<model::GpuId> found;
  for (const auto& use : books.room.gpus()) {
    const model::Gpu& gpu = *use.gpu;
    if (!gpu.present) continue;
    const bool named =
        std::ranges::any_of(claim.names, [&](const auto& name) { return names(name, gpu); });
    const bool node =
        std::ranges::any_of(claim.nodes, [&](const auto& path) { return is_node(path, gpu); });
    if (claim.all || gpu.index < claim.first || named || node) found.push_back(gpu.info.id);
  }
  return found;
}

// Not stored: the runtime tells of it anew after each start, before anything is granted.
Outcome Ledger::Rules::operator()(const ForeignHolds& holds) {
  const bool watches =
      holds.claim.watches || std::ranges::any_of(settings.watchers, [&](const std::string& name) {
        return name == holds.name || name == without_tag(holds.image);
      });
  const auto old = books.foreign().find(holds.container);
  const auto since = old == books.foreign().end() ? now.wall : old->second.since;
  books.put({.container = holds.container, .name = holds.name, .image = holds.image,
             .claim = holds.claim, .watches = watches, .gpus = resolve(holds.claim),
             .since = since});
  room_changed = true;
  return Applied{};
}

Outcome Ledger::Rules::operator()(const ContainerGone& gone) {
  Applied done;
  if (books.remove_foreign(gone.container)) room_changed = true;
  if (books.remove_conflict(gone.container)) {
    done.events.emplace_back(model::ConflictEnded{gone.container});
    room_changed = true;
  }
  const auto* lease = books.by_container(gone.container);
  if (lease == nullptr) return done;
  model::Lease ended = *lease;
  ended.exit_code = gone.exit_code;
  ended.oom_killed = gone.oom_killed;
  const auto reason = lease->state == model::LeaseState::ending ? model::EndReason::released
                      : gone.exited                             ? model::EndReason::container_exited
                                                                : model::EndReason::container_gone;
  end(std::move(ended), reason, done);
  return done;
}

}  // namespace gpuhub::ledger
