// Records to store, one of each shape, and a comparison of what the books hold as text.
#pragma once

#include <format>
#include <string>

#include "model/record.hpp"
#include "store/rows.hpp"

namespace gpuhub::store {

inline model::GpuId gpu(int n) { return *model::GpuId::parse(std::format("GPU-{}", n)); }
inline model::ContainerId container(int n) {
  return *model::ContainerId::parse(std::format("{:064x}", n));
}
inline model::LeaseId lease_id(int n) { return *model::LeaseId::parse(std::format("L-e1-{}", n)); }

inline model::Lease lease(int n, model::Want want = model::WantCount{1}) {
  return {.id = lease_id(n),
          .request = {.id = *model::RequestId::parse(std::format("r{}", n)),
                      .owner = {*model::HubName::parse("hub"), "ana", ""},
                      .groups = {"staff", "gr\"oup"},
                      .want = std::move(want),
                      .mode = model::Mode::shared,
                      .capabilities = {"compute", "utility"}},
          .host = *model::HostName::parse("h1"),
          .epoch = *model::Epoch::parse("e1"),
          .state = model::LeaseState::granted,
          .gpus = {gpu(n)},
          .container = {},
          .asked_at = {900 + n},
          .queue_expires_at = {},
          .granted_at = model::Instant{1000 + n},
          .bind_expires_at = model::Instant{181'000 + n},
          .ended_at = {},
          .created_wall = {1'790'000'000'000 + n},
          .granted_wall = model::WallTime{1'790'000'000'100 + n},
          .bound_wall = {},
          .ended_wall = {},
          .reason = {},
          .exit_code = {},
          .oom_killed = {}};
}

inline model::Lease queued(int n) {
  auto waits = lease(n, model::WantCount{2});
  waits.request.wait = true;
  waits.state = model::LeaseState::queued;
  waits.gpus.clear();
  waits.queue_expires_at = model::Instant{86'400'900 + n};
  waits.granted_at.reset();
  waits.bind_expires_at.reset();
  waits.granted_wall.reset();
  return waits;
}

inline model::Lease active(int n) {
  auto bound = lease(n, model::WantGpus{{gpu(n)}});
  bound.state = model::LeaseState::active;
  bound.container = container(n);
  bound.bound_wall = model::WallTime{1'790'000'000'500};
  return bound;
}

inline model::Lease ended(int n) {
  auto over = active(n);
  over.request.mode = model::Mode::exclusive;
  over.request.owner.server = "naïve ☃";
  over.state = model::LeaseState::ended;
  over.ended_at = model::Instant{5'000};
  over.ended_wall = model::WallTime{1'790'000'001'000};
  over.reason = model::EndReason::container_exited;
  over.exit_code = 137;
  over.oom_killed = true;
  return over;
}

inline model::ListedInventory listed() {
  return {{{.id = gpu(1), .model = "Card", .memory = {24'564}, .minor = 3, .pci_bus = "00:1",
            .devices = {{"/dev/a", "/dev/b"}}, .mounts = {{"/lib/x", "/lib/y", false}}, .slots = 2},
           {.id = gpu(2), .model = {}, .memory = {}, .minor = {}, .pci_bus = {}, .devices = {},
            .mounts = {}, .slots = {}}}};
}

inline model::Conflict conflict(int n) {
  return {container(n), "nb-ana", lease_id(n), {gpu(1), gpu(2)}, {1'790'000'002'000}};
}

inline model::GpuFaulty fault(int n) {
  return {gpu(n), {.fault = {model::FaultKind::xid, 79, "XID 79: fell off \"the\" bus"},
                   .since = {1'790'000'003'000}, .clears_at = model::Instant{600'000}}};
}

// Everything but epoch and freshness, a line each.
inline std::string show(const model::Contents& contents) {
  std::string text = std::format("serial {} at {}\n", contents.next_serial, contents.at.ms);
  for (const auto& lease : contents.leases) text += write_lease(lease) + "\n";
  for (const auto& s : contents.gpu_settings) {
    text += std::format("setting {} {} {}{}\n", s.gpu.str(), s.slots.value_or(-1),
                        s.label.value_or("-"), s.drained.value_or(false) ? " drained" : "");
  }
  if (contents.listed) text += write_listed(*contents.listed) + "\n";
  for (const auto& conflict : contents.conflicts) text += write_conflict(conflict) + "\n";
  for (const auto& faulty : contents.faults) text += write_fault(faulty) + "\n";
  return text;
}

}  // namespace gpuhub::store
