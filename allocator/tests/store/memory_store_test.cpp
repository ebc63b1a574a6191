// The double keeps the port's promises, and its faults are the ones it names.
#include <gtest/gtest.h>

#include "samples.hpp"
#include "store/memory_store.hpp"

namespace gpuhub::store {
namespace {

class MemoryStoreTest : public ::testing::Test {
 protected:
  void commit(std::vector<model::Record> records) {
    told = "waiting";
    store.commit(std::make_shared<const model::Batch>(
                   model::Batch{.records = std::move(records), .next_serial = 9, .at = {5}}),
                 [this](std::expected<void, Error> result) { told = result ? "done" : "failed"; });
  }
  std::string disk() const { return show(store.disk()); }

  MemoryStore store{*model::Epoch::parse("e1")};
  std::string told;
  const std::string empty = "serial 1 at 0\n";
  const std::string one = "serial 9 at 5\n" + write_lease(lease(1)) + "\n";
};

TEST_F(MemoryStoreTest, NothingIsDurableBeforeTheTestSaysSo) {
  commit({lease(1)});
  EXPECT_EQ(told + disk(), "waiting" + empty);
  EXPECT_TRUE(store.load()->fresh);
  store.finish();
  EXPECT_EQ(told + disk(), "done" + one);
  EXPECT_FALSE(store.load()->fresh);
}

TEST_F(MemoryStoreTest, AFailureMayOrMayNotBeOnDisk) {
  commit({lease(1)});
  store.fail(false);
  EXPECT_EQ(told + disk(), "failed" + empty);
  commit({lease(1)});
  store.fail(true);
  EXPECT_EQ(told + disk(), "failed" + one);
}

TEST_F(MemoryStoreTest, ADeadProcessIsToldNothing) {
  store.die(true);
  commit({lease(1)});
  store.die(false);
  EXPECT_EQ(told + disk(), "waiting" + empty);
  commit({lease(1)});
  store.die(true);
  EXPECT_EQ(told + disk(), "waiting" + one);
  EXPECT_FALSE(store.committing());
}

TEST_F(MemoryStoreTest, KeepsPlacesAndForgets) {
  commit({lease(1), lease(2), conflict(3)});
  store.finish();
  commit({ended(1), model::LeaseForgotten{lease_id(2)}, model::ConflictEnded{container(3)},
          lease(4)});
  store.finish();
  EXPECT_EQ(disk(),
            "serial 9 at 5\n" + write_lease(ended(1)) + "\n" + write_lease(lease(4)) + "\n");
}

TEST_F(MemoryStoreTest, ADoneMayCommitTheNext) {
  store.commit(std::make_shared<const model::Batch>(
                   model::Batch{.records = {lease(1)}, .next_serial = 2, .at = {}}),
               [this](auto) { commit({lease(2)}); });
  store.finish();
  EXPECT_TRUE(store.committing());
  EXPECT_EQ(told, "waiting");
}

TEST_F(MemoryStoreTest, CommitsAtOnceIfTheTestLetsIt) {
  const model::Batch batch{.records = {lease(1)}, .next_serial = 9, .at = {5}};
  EXPECT_FALSE(store.commit_now(batch, [] {}));
  store.at_once(MemoryStore::AtOnce::fails);
  EXPECT_FALSE(store.commit_now(batch, [] {})->has_value());
  EXPECT_EQ(disk(), empty);
  store.at_once(MemoryStore::AtOnce::fails_on_disk);
  EXPECT_FALSE(store.commit_now(batch, [] {})->has_value());
  EXPECT_EQ(disk(), one);
  store.at_once(MemoryStore::AtOnce::durable);
  bool meanwhile = false;
  const model::Batch next{.records = {lease(2)}, .next_serial = 9, .at = {5}};
  EXPECT_TRUE(store.commit_now(next, [&] { meanwhile = true; })->has_value());
  EXPECT_TRUE(meanwhile);
  EXPECT_EQ(disk(), one + write_lease(lease(2)) + "\n");
}

TEST_F(MemoryStoreTest, AStoreThatCannotBeRead) {
  store.fail_load(Error{"no"});
  EXPECT_EQ(store.load().error().message, "no");
}

}  // namespace
}  // namespace gpuhub::store
