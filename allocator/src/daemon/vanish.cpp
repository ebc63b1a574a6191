#include "daemon/vanish.hpp"

namespace gpuhub::daemon {

Vanish::Answer Vanish::judge(Answer answer, model::Instant at) {
  if (answer && !answer->empty()) {
    seen_any_ = true;
    gone_since_.reset();
    return answer;
  }
  if (!seen_any_) return answer;  // nothing was ever there: as the source says
  if (!gone_since_) gone_since_ = at;
  if (!answer) return answer;
  return std::unexpected{std::string{
      "all GPUs vanished at once: the NVML library is to blame, not the cards; no new leases until "
      "they are back"}};
}

bool Vanish::give_up(model::Instant at) const {
  return gone_since_ && at - *gone_since_ > patience_;
}

}  // namespace gpuhub::daemon
