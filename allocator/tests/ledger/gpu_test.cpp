// GPUs that are out of service, and those that others use.
#include <gtest/gtest.h>

#include "world.hpp"

namespace gpuhub::ledger {
namespace {

using model::FaultKind;

constexpr std::int64_t minute = 60'000;
const model::GpuFault xid{FaultKind::xid, 79, "XID 79"};

TEST(Gpu, AFaultyOneGetsNoNewLeaseAndKeepsThoseItHas) {
  World world{{.gpus = 1, .slots = 2}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.faulted(0, xid), "done");
  EXPECT_EQ(world.show(), "gpu0 (faulty): ana active | conflicts: -");
  EXPECT_EQ(world.ask("bo", 1), "no_gpu_free");
  EXPECT_EQ(world.wait("bo", 1), "queued");
  EXPECT_EQ(world.ledger->next_tick(), world.now.at + model::Duration{5 * minute});
  world.ticks(4 * minute);
  world.renew("bo");
  world.ticks(4 * minute);
  world.renew("bo");
  world.ticks(2 * minute);  // ten minutes of quiet
  EXPECT_EQ(world.show(), "gpu0: ana active, bo granted | conflicts: -");
}

TEST(Gpu, EachFaultBeginsTheQuietTimeAnew) {
  World world{{.gpus = 1}};
  world.faulted(0, xid);
  world.ticks(9 * minute);
  EXPECT_EQ(world.faulted(0, xid), "done");
  world.ticks(9 * minute);
  EXPECT_EQ(world.ask("ana", 1), "no_gpu_free");
  world.ticks(minute);
  EXPECT_EQ(world.ask("ana", 1), "granted");
}

TEST(Gpu, OneFaultThatRepeatsItselfIsNotStoredEachTime) {
  World world{{.gpus = 1}};
  const model::GpuFault lost{FaultKind::lost, {}, "GPU is lost"};
  EXPECT_EQ(world.faulted(0, lost), "done");
  world.passes(2'000);
  EXPECT_EQ(world.faulted(0, lost), "nothing");
  world.passes(2 * minute);
  EXPECT_EQ(world.faulted(0, lost), "done");
  EXPECT_EQ(world.faulted(7, lost), "nothing");  // of a GPU that nobody knows
}

TEST(Gpu, AnAdminPutsItBackIntoService) {
  World world{{.gpus = 1}};
  world.faulted(0, xid);
  world.wait("ana", 1);
  EXPECT_EQ(world.clear(0), "done");
  EXPECT_EQ(world.fate("ana"), "granted");
  EXPECT_EQ(world.clear(0), "nothing");
  EXPECT_EQ(world.clear(5), "unknown_gpu");
}

TEST(Gpu, AFaultOutlastsARestart) {
  World world{{.gpus = 2}};
  world.faulted(1, xid);
  world.ticks(minute);
  world.restart();
  EXPECT_EQ(world.show(), "gpu0: - | gpu1 (faulty): - | conflicts: -");
  world.ticks(9 * minute);
  EXPECT_EQ(world.show(), "gpu0: - | gpu1: - | conflicts: -");
}

TEST(Gpu, OneThatVanishedIsMissedUntilItIsBackAndQuiet) {
  World world{{.gpus = 2}};
  world.ask("ana", model::WantGpus{{gpu_id(1)}});
  world.bind("ana", 1);
  EXPECT_EQ(world.inventory(1), "done");
  EXPECT_EQ(world.show(), "gpu0: - | gpu1 (missing): ana active | conflicts: -");
  world.container_gone(1);
  world.ticks(60 * minute);  // as long as it is away
  EXPECT_EQ(world.show(), "gpu0: - | gpu1 (missing): - | conflicts: -");
  EXPECT_EQ(world.wait("bo", 2), "queued");  // not impossible: it may come back
  EXPECT_EQ(world.inventory(2), "done");
  EXPECT_EQ(world.show(), "gpu0: - | gpu1 (faulty): - | queue: bo | conflicts: -");
  for (int n = 0; n < 5; ++n) {
    world.ticks(2 * minute);
    world.renew("bo");
  }
  EXPECT_EQ(world.fate("bo"), "granted");
}

TEST(Gpu, OneThatVanishedIsForgottenIfTheAdminSaysSo) {
  World world{{.gpus = 2}};
  world.inventory(1);
  EXPECT_EQ(world.show(), "gpu0: - | gpu1 (missing): - | conflicts: -");
  EXPECT_EQ(world.clear(1), "done");
  EXPECT_EQ(world.show(), "gpu0: - | conflicts: -");
  EXPECT_EQ(world.ask("ana", 2), "impossible");
}

TEST(Gpu, OneThatAnAdminTookOffTheListDidNotVanish) {
  World world{{.gpus = 2}};
  world.faulted(1, xid);
  EXPECT_EQ(world.apply(PutListed{machine(1)}), "done");
  EXPECT_EQ(world.show(), "gpu0: - | conflicts: -");
}

TEST(Gpu, ADrainedOneEmptiesAndStaysEmpty) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.drain(0, true), "done");
  EXPECT_EQ(world.wait("bo", 1), "queued");
  world.container_gone(1);
  EXPECT_EQ(world.show(), "gpu0 (draining): - | queue: bo | conflicts: -");
  world.restart();
  EXPECT_EQ(world.show(), "gpu0 (draining): - | queue: bo | conflicts: -");
  world.drain(0, false);
  EXPECT_EQ(world.fate("bo"), "granted");
}

model::GpuClaim named(std::vector<std::string> names) {
  return {.all = false, .first = 0, .names = std::move(names), .nodes = {}, .watches = false};
}

TEST(Gpu, ForeignUseIsAvoided) {
  World world{{.gpus = 2, .slots = 2}};
  EXPECT_EQ(world.foreign(7, named({"GPU-1"})), "nothing");  // not stored: the engine tells it anew
  EXPECT_EQ(world.show(), "gpu0: - | gpu1: - | conflicts: - | foreign: c7");
  EXPECT_EQ(world.wait("ana", model::WantGpus{{gpu_id(1)}}), "queued");
  EXPECT_EQ(world.ledger->place_of(world.lease("ana").id)->why,
            "GPU 1 (GPU-1) is used by a container without a lease");
  EXPECT_EQ(world.ask("bo", 1), "granted");
  world.container_gone(7);
  EXPECT_EQ(world.fate("ana"), "granted");
}

TEST(Gpu, ForeignUseIsOnlyCountedIfTheAdminWantsThat) {
  World world{{.gpus = 1, .avoid_foreign = false}};
  world.foreign(7, named({"0"}));
  EXPECT_EQ(world.ledger->gpus().front().foreign, 1);
  EXPECT_EQ(world.ask("ana", 1), "granted");
}

TEST(Gpu, ForeignClaimsInEveryForm) {
  const auto used = [](model::GpuClaim claim) {
    World world{{.gpus = 3}};
    world.foreign(1, std::move(claim));
    std::string gpus;
    for (const auto& use : world.ledger->gpus()) gpus += use.foreign > 0 ? "x" : "-";
    return gpus;
  };
  EXPECT_EQ(used({.all = true, .first = 0, .names = {}, .nodes = {}, .watches = false}), "xxx");
  EXPECT_EQ(used({.all = false, .first = 2, .names = {}, .nodes = {}, .watches = false}), "xx-");
  EXPECT_EQ(used(named({"GPU-2"})), "--x");
  EXPECT_EQ(used(named({"1"})), "-x-");
  EXPECT_EQ(used(named({"nvidia.com/gpu=GPU-0", "nvidia.com/gpu=2"})), "x-x");
  EXPECT_EQ(used(named({"nvidia.com/gpu=all"})), "xxx");
  EXPECT_EQ(used(named({"nvidia.com/gpu=gpu1"})), "-x-");
  EXPECT_EQ(used(named({"GPU-9", "17", "1x", "", "GPU-", "amd.com/gpu=0", "gpu1"})), "---");
  EXPECT_EQ(used({.all = false, .first = 0, .names = {}, .nodes = {"/dev/nvidia1", "/dev/null"},
                  .watches = false}), "-x-");
  EXPECT_EQ(used({.all = true, .first = 0, .names = {}, .nodes = {}, .watches = true}), "---");
}

TEST(Gpu, WatchersDoNotCount) {
  World world{{.gpus = 1}};
  for (const char* image : {"exporter", "exporter:4.1", "exporter@sha256:00"}) {
    world.foreign(1, named({"all"}), image);
    EXPECT_EQ(world.ledger->gpus().front().foreign, 0) << image;
    EXPECT_EQ(world.ledger->foreign().size(), 1U);
  }
  world.foreign(1, named({"all"}), "registry:5000/exporter2");
  EXPECT_EQ(world.ledger->gpus().front().foreign, 1);
}

TEST(Gpu, ForeignUseIsUnderstoodAnewWithTheInventory) {
  World world{{.gpus = 1}};
  world.foreign(1, named({"1"}));
  EXPECT_EQ(world.ask("ana", 1), "granted");
  world.inventory(2);
  EXPECT_EQ(world.ledger->gpus()[1].foreign, 1);
  EXPECT_EQ(world.ask("bo", 1), "no_gpu_free");
}

}  // namespace
}  // namespace gpuhub::ledger
