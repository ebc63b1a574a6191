// Rows: what is written comes back equal; what is not as written is refused with its key.
#include <gtest/gtest.h>

#include "samples.hpp"

namespace gpuhub::store {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what << " is not in " << text;
  return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

TEST(Rows, EveryKindOfLeaseComesBackEqual) {
  for (const auto& sample :
       {lease(1), lease(2, model::WantGpus{{gpu(1), gpu(7)}}),
        lease(3, model::WantPositions{{0, 3}}), lease(4, model::WantAll{}),
        lease(5, model::WantNone{}), active(6), ended(7), queued(8)}) {
    const auto text = write_lease(sample);
    const auto back = read_lease(text);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(write_lease(*back), text);
    EXPECT_EQ(back->request.owner, sample.request.owner);
    EXPECT_EQ(back->request.want, sample.request.want);
    EXPECT_EQ(back->request.wait, sample.request.wait);
    EXPECT_EQ(back->bind_expires_at, sample.bind_expires_at);
    EXPECT_EQ(back->queue_expires_at, sample.queue_expires_at);
    EXPECT_EQ(back->ended_at, sample.ended_at);
    EXPECT_EQ(back->exit_code, sample.exit_code);
  }
}

// Whatever stands in a text, and wherever in it.
TEST(Rows, EveryTextComesBackEqual) {
  std::vector<std::string> specials{"\"", "\\", "\n", "\t", "\x7f", "ü", "☃", "\xf0\x9f\x90\xb3"};
  specials.emplace_back(1, '\0');
  specials.emplace_back(1, '\x1f');
  for (const auto& special : specials) {
    for (std::size_t at = 0; at < 20; ++at) {
      auto sample = lease(1);
      sample.request.groups = {std::string(at, 'x') + special,
                               std::string(at, 'x') + special + "ab" + special + "abcdefgh"};
      const auto back = read_lease(write_lease(sample));
      ASSERT_TRUE(back) << back.error();
      ASSERT_EQ(back->request.groups, sample.request.groups);
    }
  }
}

TEST(Rows, ALeaseIsReadableJson) {
  EXPECT_EQ(write_lease(lease(1)),
            R"({"id":"L-e1-1","request":{"id":"r1","owner":{"hub":"hub","user":"ana",)"
            R"("server":""},"groups":["staff","gr\"oup"],"want":{"kind":"count","count":1},)"
            R"("mode":"shared","capabilities":["compute","utility"],"wait":false},"host":"h1",)"
            R"("epoch":"e1","state":"granted","gpus":["GPU-1"],)"
            R"("asked_at_ms":901,"granted_at_ms":1001,"bind_expires_at_ms":181001,)"
            R"("created_wall_ms":1790000000001,"granted_wall_ms":1790000000101})");
}

TEST(Rows, AListedInventoryComesBackEqual) {
  const auto back = read_listed(write_listed(listed()));
  ASSERT_TRUE(back) << back.error();
  EXPECT_EQ(back->gpus, listed().gpus);
}

TEST(Rows, AConflictComesBackEqual) {
  auto sample = conflict(3);
  EXPECT_EQ(write_conflict(*read_conflict(write_conflict(sample))), write_conflict(sample));
  sample.lease.reset();
  EXPECT_EQ(write_conflict(*read_conflict(write_conflict(sample))), write_conflict(sample));
}

TEST(Rows, AFaultComesBackEqual) {
  auto sample = fault(2);
  EXPECT_EQ(read_fault(write_fault(sample))->state, sample.state);
  sample.state = {.fault = {model::FaultKind::vanished, {}, "gone"}, .since = {1}, .clears_at = {}};
  EXPECT_EQ(read_fault(write_fault(sample))->state, sample.state);
  EXPECT_EQ(read_fault("{}").error(), "gpu: missing");
}

struct Damage {
  const char* what;
  const char* with;
  const char* error;
};

TEST(Rows, ALeaseThatIsNotAsWrittenIsRefusedByKey) {
  const Damage damages[] = {
      {R"("id":"L-)", R"("id":"X-)", "id: no such name"},
      {R"("state":"active")", R"("state":"alive")", "state: no state of a lease"},
      {R"("state":"active")", R"("state":"granted")", "container: stands in an unbound lease"},
      {R"("state":"active")", R"("state":"ended")", "reason: must stand exactly when ended"},
      {R"("state":"active")", R"("state":"queued")", "granted_at_ms: stands in a lease that waits"},
      {R"("granted_at_ms":1006)", R"("granted_at_ms":null)",
       "granted_at_ms: missing in a granted lease"},
      {R"("bind_expires_at_ms":181006)", R"("bind_expires_at_ms":null)",
       "bind_expires_at_ms: must stand exactly when granted"},
      {R"("host":"h1",)", "", "host: missing"},
      {R"("host":"h1")", R"("host":1)", "host: not a text"},
      {R"("host":"h1")", R"("host":"h1","guest":"h2")", "guest: unknown"},
      {R"("user":"ana")", R"("user":"")", "request.owner.user: empty"},
      {R"("mode":"shared")", R"("mode":"mine")", "request.mode: no mode"},
      {R"("kind":"gpus")", R"("kind":"some")", "request.want.kind: none of"},
      {R"("gpus":["GPU-6"],"con)", R"("gpus":["GPU-6","GPU-6"],"con)", "gpus: names a GPU twice"},
      {R"("gpus":["GPU-6"],"con)", R"("gpus":["a b"],"con)", "gpus: holds something else"},
      {R"({"id")", R"({"exit_code":99999999999,"id")", "exit_code: out of range"},
      {R"("granted_at_ms":1006)", R"("granted_at_ms":10.5)", "granted_at_ms: not a whole number"},
      {R"({"id")", R"({"reason":"bored","id")", "reason: no reason of an end"},
      {R"({"id")", R"(["id")", "not JSON"},
  };
  for (const auto& damage : damages) {
    const auto back = read_lease(replaced(write_lease(active(6)), damage.what, damage.with));
    ASSERT_FALSE(back) << damage.with;
    EXPECT_TRUE(back.error().starts_with(damage.error)) << back.error() << " / " << damage.error;
  }
}

TEST(Rows, AListIsRefusedByTheKeyInsideIt) {
  const auto text = write_listed(listed());
  EXPECT_EQ(read_listed(replaced(text, R"("slots":2)", R"("slots":65)")).error(),
            "gpus[0].slots: out of range");
  EXPECT_EQ(read_listed(replaced(text, R"("read_only":false)", R"("read_only":0)")).error(),
            "gpus[0].mounts[0].read_only: neither true nor false");
  EXPECT_EQ(read_listed("{}").error(), "gpus: missing");
  EXPECT_EQ(read_listed("[]").error(), "not a JSON object");
  EXPECT_EQ(read_listed(R"({"gpus":[1]})").error(), "gpus[0]: not an object");
}

}  // namespace
}  // namespace gpuhub::store
