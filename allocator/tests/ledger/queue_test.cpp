// Who waits: the order, who may pass whom, and how waiting ends.
#include <gtest/gtest.h>

#include "world.hpp"

namespace gpuhub::ledger {
namespace {

using enum model::Mode;

constexpr std::int64_t minute = 60'000;

std::size_t position(const World& world, const std::string& user) {
  const auto place = world.ledger->place_of(world.lease(user).id);
  return place ? place->position : 0;
}

TEST(Queue, FirstComeFirstServed) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.wait("bo", 1), "queued");
  EXPECT_EQ(world.wait("cy", 1), "queued");
  EXPECT_EQ(world.show(), "gpu0: ana active | queue: bo, cy | conflicts: -");
  EXPECT_EQ(position(world, "bo"), 1U);
  EXPECT_EQ(position(world, "cy"), 2U);
  EXPECT_EQ(world.container_gone(1), "ended");
  EXPECT_EQ(world.show(), "gpu0: bo granted | queue: cy | conflicts: -");
  EXPECT_EQ(world.lease("bo").granted_at, world.now.at);
  EXPECT_EQ(position(world, "cy"), 1U);
  EXPECT_EQ(world.release("bo"), "ended");
  EXPECT_EQ(world.fate("cy"), "granted");
}

TEST(Queue, WhoDoesNotWaitIsRefusedAndNothingChanges) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.wait("bo", 1);
  EXPECT_EQ(world.ask("cy", 1), "no_gpu_free");
  EXPECT_EQ(world.last.error().blocked_by, std::vector{world.lease("ana").id});
  EXPECT_EQ(world.show(), "gpu0: ana granted | queue: bo | conflicts: -");
}

TEST(Queue, TheEndOfAContainerAndNotItsReleaseServesTheNext) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.wait("bo", 1);
  world.release("ana");
  EXPECT_EQ(world.show(), "gpu0: ana ending | queue: bo | conflicts: -");
  world.container_gone(1);
  EXPECT_EQ(world.fate("bo"), "granted");
}

TEST(Queue, ASmallOnePassesABigOneThatCannotStartYet) {
  World world{{.gpus = 2}};
  world.ask("ana", 1);
  EXPECT_EQ(world.wait("big", 2), "queued");
  EXPECT_EQ(world.wait("small", 1), "granted");
}

TEST(Queue, FromALimitOnPlacesAreKeptForTheBigOne) {
  World world{{.gpus = 2, .queue = {.reserve_after = model::Duration{15 * minute}}}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.ask("bo", 1);
  world.bind("bo", 2);
  world.wait("big", 2);
  EXPECT_EQ(world.ledger->next_tick(), world.now.at + model::Duration{5 * minute});  // renewal
  world.ticks(4 * minute);
  world.renew("big");
  world.container_gone(1);
  EXPECT_EQ(world.wait("cy", 1), "granted");  // still lets pass
  world.bind("cy", 3);
  for (int n = 0; n < 3; ++n) {
    world.ticks(4 * minute);
    world.renew("big");
  }
  world.container_gone(3);
  EXPECT_EQ(world.wait("di", 1), "queued");  // gpu0 is free and kept
  EXPECT_EQ(world.ask("ed", 1), "no_gpu_free");
  EXPECT_EQ(world.ask("fay", model::WantNone{}), "granted");
  EXPECT_EQ(world.show(), "gpu0: - | gpu1: bo active | queue: big, di | conflicts: -");
  world.container_gone(2);
  EXPECT_EQ(world.show(), "gpu0: big granted | gpu1: big granted | queue: di | conflicts: -");
}

TEST(Queue, PlacesAreKeptForOneWhoWantsAGpuAlone) {
  World world{{.gpus = 1, .slots = 2, .queue = {.reserve_after = model::Duration{0}}}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.wait("solo", model::WantCount{1}, exclusive), "queued");
  world.ticks(0);
  EXPECT_EQ(world.ask("bo", 1), "no_gpu_free");  // a slot is free, and would starve solo
  world.container_gone(1);
  EXPECT_EQ(world.fate("solo"), "granted");
}

TEST(Queue, KeptPlacesAreGivenUpWithWhoWaited) {
  World world{{.gpus = 2, .queue = {.reserve_after = model::Duration{0}}}};
  world.ask("ana", 1);
  world.wait("big", 2);
  world.ticks(0);
  EXPECT_EQ(world.wait("bo", 1), "queued");
  EXPECT_EQ(world.release("big"), "ended");
  EXPECT_EQ(world.fate("big"), "ended cancelled");
  EXPECT_EQ(world.fate("bo"), "granted");
}

TEST(Queue, OneThatIsNotRenewedTimesOut) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.wait("bo", 1);
  world.wait("cy", 1);
  world.ticks(5 * minute - 1);
  EXPECT_EQ(world.renew("cy"), "still queued");
  EXPECT_EQ(world.ledger->next_tick(), world.now.at + model::Duration{1});
  world.ticks(1);
  EXPECT_EQ(world.fate("bo"), "ended expired");
  EXPECT_EQ(world.lease("bo").granted_at, std::nullopt);
  EXPECT_EQ(world.show(), "gpu0: ana granted | queue: cy | conflicts: -");
}

TEST(Queue, NobodyWaitsLongerThanTheAdminLets) {
  World world{{.gpus = 1, .queue = {.timeout = model::Duration{10 * minute}}}};
  world.ask("ana", 1);
  world.wait("bo", 1);
  world.ticks(4 * minute);
  world.renew("bo");
  world.ticks(4 * minute);
  world.renew("bo");
  world.ticks(2 * minute);
  EXPECT_EQ(world.fate("bo"), "ended expired");
}

TEST(Queue, NoMoreWaitThanMay) {
  World world{{.gpus = 1, .queue = {.max = 1}}};
  world.ask("ana", 1);
  world.wait("bo", 1);
  EXPECT_EQ(world.wait("cy", 1), "queue_full");
  EXPECT_EQ(world.wait("bo", 1), "queued");  // in the place of his own
  EXPECT_EQ(world.ledger->queue().size(), 1U);
}

TEST(Queue, WhereNobodyMayWaitAllIsRefusedAtOnce) {
  World world{{.gpus = 1, .queue = {.enabled = false}}};
  world.ask("ana", 1);
  EXPECT_EQ(world.wait("bo", 1), "no_gpu_free");
}

TEST(Queue, AnOwnersOlderPlaceIsReplacedByANewAskAndKeptByTheSame) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.wait("bo", model::WantCount{1}, shared, "try-1");
  world.wait("cy", 1);
  EXPECT_EQ(world.wait("bo", model::WantCount{1}, shared, "try-1"), "still queued");
  EXPECT_EQ(position(world, "bo"), 1U);
  EXPECT_EQ(world.wait("bo", model::WantCount{1}, exclusive, "try-2"), "queued");
  EXPECT_EQ(position(world, "bo"), 2U);
  EXPECT_EQ(world.ledger->find(*model::RequestId::parse("try-1"))->reason,
            model::EndReason::replaced);
}

TEST(Queue, AnOwnerWhoseContainerIsEndingWaitsForItsEnd) {
  World world{{.gpus = 2}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  const auto old = world.lease("ana").id;
  world.release("ana");
  EXPECT_EQ(world.ask("ana", 1), "owner_ending");
  EXPECT_EQ(world.wait("ana", 1), "queued");
  EXPECT_EQ(world.ledger->place_of(world.lease("ana").id)->why,
            "your previous server has not ended yet");
  EXPECT_EQ(world.wait("bo", 1), "granted");  // is not held up by that
  world.container_gone(1);
  EXPECT_EQ(world.ledger->find(old)->reason, model::EndReason::released);
  EXPECT_EQ(world.fate("ana"), "granted");
}

TEST(Queue, PositionsAreTurnedIntoGpusWhenAsked) {
  World world{{.gpus = 2}};
  world.ask("ana", model::WantPositions{{1}});
  world.wait("bo", model::WantPositions{{1}});
  EXPECT_EQ(world.lease("bo").request.want, model::Want{model::WantGpus{{gpu_id(1)}}});
  EXPECT_EQ(world.ledger->place_of(world.lease("bo").id)->why, "GPU 1 (GPU-1) is taken");
}

TEST(Queue, ARestartKeepsItAndGivesEverybodyTheWholeTimeAgain) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.wait("bo", 1);
  world.wait("cy", 1);
  world.ticks(4 * minute);
  world.restart();
  EXPECT_EQ(world.show(), "gpu0: ana granted | queue: bo, cy | conflicts: -");
  world.ticks(4 * minute);
  EXPECT_EQ(world.show(), "gpu0: ana granted | queue: bo, cy | conflicts: -");
}

TEST(Queue, NothingIsGrantedBeforeTheRuntimeWasAsked) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.wait("bo", 1);
  world.apply(SetGranting{false});
  world.container_gone(1);
  EXPECT_EQ(world.fate("bo"), "queued");
  EXPECT_EQ(world.ledger->place_of(world.lease("bo").id)->why,
            "GPUs are not given out right now: the machine is being read");
  world.apply(SetGranting{true});
  EXPECT_EQ(world.fate("bo"), "granted");
}

TEST(Queue, MoreSlotsServeThoseWhoWait) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.wait("bo", 1);
  world.set_slots(0, 2);
  EXPECT_EQ(world.show(), "gpu0: ana granted, bo granted | conflicts: -");
}

TEST(Queue, TheEndOfAConflictServesTheNext) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.container_gone(1);
  world.container_holds("ana", 1);
  EXPECT_EQ(world.wait("bo", 1), "queued");
  world.container_gone(1);
  EXPECT_EQ(world.fate("bo"), "granted");
}

}  // namespace
}  // namespace gpuhub::ledger
