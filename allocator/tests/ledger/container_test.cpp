// What the runtime says is believed; what contradicts the books is a conflict.
#include <gtest/gtest.h>

#include "world.hpp"

namespace gpuhub::ledger {
namespace {

using enum model::Mode;

TEST(Container, OneThatRunsTakesUpItsGrant) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  EXPECT_EQ(world.container_holds("ana", 1, false), "nothing");  // only created
  EXPECT_EQ(world.container_holds("ana", 1), "active");
  EXPECT_EQ(world.container_holds("ana", 1), "still active");
  EXPECT_EQ(world.bind("ana", 1), "still active");
}

TEST(Container, StartedUnderAnEndedLeaseItIsAConflictUntilItEnds) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.container_gone(1);
  EXPECT_EQ(world.container_holds("ana", 1), "done");
  EXPECT_EQ(world.show(), "gpu0: - | conflicts: c1");
  EXPECT_EQ(world.ask("bo", 1), "no_gpu_free");
  EXPECT_EQ(world.container_holds("ana", 1), "nothing");  // told again
  world.restart();
  EXPECT_EQ(world.show(), "gpu0: - | conflicts: c1");
  EXPECT_EQ(world.container_gone(1), "done");
  EXPECT_EQ(world.ask("bo", 1), "granted");
}

TEST(Container, ASecondOneUnderALeaseIsAConflict) {
  World world{{.gpus = 1, .slots = 2}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.container_holds("ana", 2), "done");
  EXPECT_EQ(world.show(), "gpu0: ana active | conflicts: c2");
  EXPECT_EQ(world.ask("bo", 1), "no_gpu_free");
}

TEST(Container, AnOldOnesEndNeverEndsANewLease) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.container_gone(1);
  world.ask("ana", 1);
  world.bind("ana", 2);
  EXPECT_EQ(world.container_gone(1), "nothing");
  EXPECT_EQ(world.show(), "gpu0: ana active | conflicts: -");
}

TEST(Container, GoneWithoutAnEndKnown) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.container_gone(1, false), "ended");
  EXPECT_EQ(world.fate("ana"), "ended container_gone");
  EXPECT_EQ(world.container_gone(1), "nothing");
}

TEST(Container, LabelsThatMeanNothingAreLeftAlone) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  auto labels = world.labels("ana");
  labels["gpuhub.lease"] = "no lease";
  EXPECT_EQ(world.labelled(labels, 1), "nothing");
  EXPECT_EQ(world.labelled({}, 1), "nothing");
  labels["gpuhub.lease"] = "L-else-1";
  for (const char* key : {"gpuhub.owner", "gpuhub.gpus", "gpuhub.mode", "gpuhub.epoch"}) {
    auto wrong = labels;
    wrong[key] = ",";
    EXPECT_EQ(world.labelled(wrong, 1), "nothing") << key;
  }
}

TEST(LostStore, RunningOnesAreRebuiltFromTheirLabels) {
  World world{{.gpus = 2}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.ask("bo", model::WantCount{1}, exclusive);
  world.bind("bo", 2);
  world.lose_store();
  EXPECT_EQ(world.show(), "gpu0: - | gpu1: - | conflicts: -");
  EXPECT_EQ(world.container_holds("ana", 1), "active");
  EXPECT_EQ(world.container_holds("bo", 2), "active");
  EXPECT_EQ(world.show(), "gpu0: ana active | gpu1: bo active | conflicts: -");
  EXPECT_EQ(world.ask("cy", 1), "no_gpu_free");
  EXPECT_EQ(world.ask("ana", 1), "owner_active");
}

TEST(LostStore, ACreatedOneHoldsAsAGrantAndABindFromBeforeIsRefused) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.lose_store();
  EXPECT_EQ(world.container_holds("ana", 1, false), "granted");
  EXPECT_EQ(world.bind("ana", 1), "stale_epoch");
  EXPECT_EQ(world.ask("bo", 1), "no_gpu_free");
  EXPECT_EQ(world.container_holds("ana", 1), "active");
}

TEST(LostStore, WhatNoLongerFitsIsAConflict) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  const auto anas = world.labels("ana");
  world.lose_store();
  world.ask("bo", 1);
  world.bind("bo", 2);
  EXPECT_EQ(world.labelled(anas, 1), "done");
  EXPECT_EQ(world.show(), "gpu0: bo active | conflicts: c1");
}

TEST(LostStore, AnExclusiveOneIsNotRebuiltBesideOthers) {
  World world{{.gpus = 1, .slots = 2}};
  world.ask("ana", model::WantCount{1}, exclusive);
  world.bind("ana", 1);
  const auto anas = world.labels("ana");
  world.lose_store();
  world.ask("bo", 1);
  world.bind("bo", 2);
  EXPECT_EQ(world.labelled(anas, 1), "done");
  EXPECT_EQ(world.show(), "gpu0: bo active | conflicts: c1");
}

TEST(LostStore, AGpuThatIsNotThereIsKeptAsMissing) {
  World world{{.gpus = 2}};
  world.ask("ana", 2);
  world.bind("ana", 1);
  const auto anas = world.labels("ana");
  world.lose_store();
  world.inventory(1);
  EXPECT_EQ(world.labelled(anas, 1), "active");
  world.inventory(1);
  EXPECT_EQ(world.show(), "gpu0: ana active | gpu1 (missing): ana active | conflicts: -");
}

TEST(Gpus, OneThatIsHeldStaysAsMissingWhenTheAdminTakesItOffTheList) {
  World world{{.gpus = 2}};
  world.ask("ana", 2);
  world.apply(PutListed{machine(1)});
  EXPECT_EQ(world.show(), "gpu0: ana granted | gpu1 (missing): ana granted | conflicts: -");
  EXPECT_EQ(world.ask("bo", model::WantPositions{{1}}), "impossible");
  world.apply(PutListed{machine(2)});
  EXPECT_EQ(world.show(), "gpu0: ana granted | gpu1: ana granted | conflicts: -");
  world.release("ana");
  world.apply(PutListed{machine(1)});
  EXPECT_EQ(world.show(), "gpu0: - | conflicts: -");
}

TEST(Gpus, FewerSlotsEndNobodysLease) {
  World world{{.gpus = 1, .slots = 2}};
  world.ask("ana", 1);
  world.ask("bo", 1);
  EXPECT_EQ(world.set_slots(0, 1), "done");
  EXPECT_EQ(world.show(), "gpu0: ana granted, bo granted | conflicts: -");
  world.release("ana");
  EXPECT_EQ(world.ask("cy", 1), "no_gpu_free");
  EXPECT_EQ(world.set_slots(0, 3), "done");
  EXPECT_EQ(world.ask("cy", 1), "granted");
  world.restart();
  EXPECT_EQ(world.ask("di", 1), "granted");
  EXPECT_EQ(world.set_slots(7, 3), "unknown_gpu");
}

TEST(Gpus, AListedInventoryIsStored) {
  World world{{.gpus = 0}};
  EXPECT_EQ(world.apply(PutListed{machine(2)}), "done");
  EXPECT_EQ(world.show(), "gpu0: - | gpu1: - | conflicts: -");
}

}  // namespace
}  // namespace gpuhub::ledger
