// A lease's life as owners and time see it.
#include <gtest/gtest.h>

#include "world.hpp"

namespace gpuhub::ledger {
namespace {

using enum model::Mode;

TEST(Lease, FromGrantToEnd) {
  World world{{.gpus = 1}};
  EXPECT_EQ(world.ask("ana", 1), "granted");
  EXPECT_EQ(world.show(), "gpu0: ana granted | conflicts: -");
  EXPECT_EQ(world.bind("ana", 1), "active");
  EXPECT_EQ(world.show(), "gpu0: ana active | conflicts: -");
  EXPECT_EQ(world.container_gone(1, true, 3), "ended");
  EXPECT_EQ(world.show(), "gpu0: - | conflicts: -");
  EXPECT_EQ(world.fate("ana"), "ended container_exited 3");
}

TEST(Lease, ReleaseFreesNothingWhileTheContainerRuns) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.release("ana"), "ending");
  EXPECT_EQ(world.ask("bo", 1), "no_gpu_free");
  EXPECT_EQ(world.show(), "gpu0: ana ending | conflicts: -");
  world.container_gone(1, true, 143);
  EXPECT_EQ(world.fate("ana"), "ended released 143");
  EXPECT_EQ(world.ask("bo", 1), "granted");
}

TEST(Lease, ReleaseOfAnUnboundGrantEndsItAndIsIdempotent) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  EXPECT_EQ(world.release("ana"), "ended");
  EXPECT_EQ(world.fate("ana"), "ended cancelled");
  EXPECT_EQ(world.release("ana"), "still ended");
  EXPECT_EQ(world.bind("ana", 1), "lease_state");
}

TEST(Lease, OnlyTheSameRequestIdIsARetry) {
  World world{{.gpus = 2}};
  world.ask("ana", model::WantCount{1}, shared, "try-1");
  const auto first = world.lease("ana").id;
  EXPECT_EQ(world.ask("ana", model::WantCount{1}, shared, "try-1"), "still granted");
  EXPECT_TRUE(world.last->existed);
  EXPECT_EQ(world.last->lease, first);
  EXPECT_EQ(world.ask("bo", model::WantCount{1}, shared, "try-1"), "request_reused");
  world.release("ana");
  EXPECT_EQ(world.ask("ana", model::WantCount{1}, shared, "try-1"), "still ended");
}

TEST(Lease, ANewAskReplacesTheOwnersUnboundGrant) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  const auto first = world.lease("ana").id;
  EXPECT_EQ(world.ask("ana", 1), "granted");
  EXPECT_EQ(world.ledger->find(first)->reason, model::EndReason::replaced);
  EXPECT_EQ(world.show(), "gpu0: ana granted | conflicts: -");
}

TEST(Lease, AnImpossibleAskReplacesNothing) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  EXPECT_EQ(world.ask("ana", 2), "impossible");
  EXPECT_EQ(world.show(), "gpu0: ana granted | conflicts: -");
}

TEST(Lease, AnOwnerWithAnActiveOrEndingLeaseIsRefused) {
  World world{{.gpus = 2}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.ask("ana", 1), "owner_active");
  EXPECT_EQ(world.last.error().blocked_by, std::vector{world.lease("ana").id});
  world.release("ana");
  EXPECT_EQ(world.ask("ana", 1), "owner_ending");
}

TEST(Lease, BindIsIdempotentForItsContainerOnly) {
  World world{{.gpus = 2}};
  world.ask("ana", 1);
  world.ask("bo", 1);
  world.bind("ana", 1);
  EXPECT_EQ(world.bind("ana", 1), "still active");
  EXPECT_EQ(world.bind("ana", 2), "lease_state");
  EXPECT_EQ(world.bind("bo", 1), "lease_state");
}

TEST(Lease, ExpiryNeedsTheTimeAndNoBind) {
  World world{{.gpus = 1}};
  world.ask("ana", 1);
  EXPECT_EQ(world.expire("ana"), "still granted");
  world.passes(179'999);
  EXPECT_TRUE(world.ledger->overdue(world.now.at).empty());
  world.passes(1);
  EXPECT_EQ(world.ledger->overdue(world.now.at), std::vector{world.lease("ana").id});
  EXPECT_EQ(world.expire("ana"), "ended");
  EXPECT_EQ(world.fate("ana"), "ended expired");
  world.ask("bo", 1);
  world.bind("bo", 1);
  world.passes(1'000'000);
  EXPECT_EQ(world.expire("bo"), "still active");
  EXPECT_EQ(world.ledger->next_overdue(), std::nullopt);
}

TEST(Lease, SlotsAreSharedAndExclusiveMeansAlone) {
  World world{{.gpus = 2, .slots = 2}};
  world.ask("ana", 1);
  EXPECT_EQ(world.ask("bo", model::WantCount{1}, exclusive), "granted");
  world.ask("cy", 1);
  EXPECT_EQ(world.ask("di", 1), "no_gpu_free");
  EXPECT_EQ(world.last.error().blocked_by.size(), 3U);
  EXPECT_EQ(world.show(), "gpu0: ana granted, cy granted | gpu1: bo granted | conflicts: -");
}

TEST(Lease, WithoutGpusItIsAccountedAllTheSame) {
  World world{{.gpus = 0}};
  EXPECT_EQ(world.ask("ana", model::WantNone{}), "granted");
  EXPECT_EQ(world.bind("ana", 1), "active");
  EXPECT_EQ(world.ask("ana", model::WantNone{}), "owner_active");
  EXPECT_EQ(world.ask("bo", 1), "impossible");
}

TEST(Lease, UnknownOnesAndOldEpochs) {
  World world{{.gpus = 1}};
  const auto nobody = *model::LeaseId::parse("L-e1-99");
  EXPECT_EQ(world.apply(Release{nobody}), "unknown_lease");
  EXPECT_EQ(world.apply(Expire{nobody}), "unknown_lease");
  EXPECT_EQ(world.apply(Bind{nobody, container_id(1), *model::Epoch::parse("e1")}),
            "unknown_lease");
  world.ask("ana", 1);
  EXPECT_EQ(world.apply(Bind{world.lease("ana").id, container_id(1), *model::Epoch::parse("e0")}),
            "stale_epoch");
}

TEST(Lease, AllIsThereAfterARestart) {
  World world{{.gpus = 3, .slots = 2}};
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.ask("bo", model::WantCount{2}, exclusive);
  world.ask("cy", 1);
  world.release("cy");
  const auto before = world.show();
  const auto deadline = world.ledger->next_overdue();
  world.restart();
  EXPECT_EQ(world.show(), before);
  EXPECT_EQ(world.ledger->next_overdue(), deadline);
  const auto old = world.lease("cy").id;
  EXPECT_EQ(world.ask("cy", 1), "granted");
  EXPECT_NE(world.lease("cy").id, old);
}

TEST(Lease, TheHistoryForgetsTheLeaseThatEndedFirst) {
  World world{{.gpus = 4, .history = 2}};
  world.ask("old", 1);
  world.bind("old", 1);
  for (const char* user : {"ana", "bo", "cy"}) {
    world.ask(user, 1);
    world.release(user);
  }
  EXPECT_EQ(world.ledger->leases().size(), 3U);
  EXPECT_EQ(world.container_gone(1), "ended");  // granted first, ended last: it is news
  EXPECT_EQ(world.fate("old"), "ended container_exited 0");
  EXPECT_EQ(world.ledger->find(world.lease("bo").id), nullptr);
  EXPECT_NE(world.ledger->find(world.lease("cy").id), nullptr);
}

}  // namespace
}  // namespace gpuhub::ledger
