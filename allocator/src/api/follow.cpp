// Streams: all changes, and one lease as it changes.
#include <utility>

#include "api/answers.hpp"
#include "api/api.hpp"
#include "api/write.hpp"

namespace gpuhub::api {
namespace {
constexpr model::Duration beat{15'000};

http::Response stream_head() {
  return {.status = 200,
          .content_type = std::string{sse_type},
          .headers = {{"Cache-Control", "no-store"}},
          .body = {}};
}
}  // namespace

void Api::events(Call call) { events_.join(call.respond.stream(stream_head())); }

struct Api::Follower {
  model::LeaseId id;
  Caller caller;
  http::EventStream stream;
  std::string revision = {};  // told last; empty: none yet
};

void Api::follow(Call call, const model::LeaseId& id) {
  auto stream = call.respond.stream(stream_head());
  follow_on(std::make_shared<Follower>(Follower{id, call.caller, std::move(stream)}));
}

// One long poll after the other; where nothing has changed a sign of life is sent, so that a
// client that has left is noticed.
void Api::follow_on(std::shared_ptr<Follower> follower) {
  if (follower->stream.closed()) return;
  polls_.add(follower->id, follower->revision, now_().at + beat, [this, follower](auto answer) {
    if (!answer) return follower->stream.end();
    auto revision = revision_of(*answer);
    const bool news = revision != follower->revision;
    follower->revision = std::move(revision);
    std::string text{sse_beat};
    if (news) {
      text::JsonText lease;
      show(lease, *answer, follower->caller);
      text = sse("lease", std::move(lease).finish());
    }
    if (!follower->stream.write(std::make_shared<const std::string>(std::move(text)))) return;
    if (!answer->lease.live()) return follower->stream.end();
    follow_on(follower);
  });
}

}  // namespace gpuhub::api
