// What `run` and `acquire` are told about the lease they shall get.
#pragma once

#include <string>

#include "ctl/claim.hpp"

namespace gpuhub::ctl {

struct AskOptions {             // as typed
  std::string gpus = "1";
  bool exclusive = false;
  std::string wait;             // empty: not given; "true": without a limit; else a duration
  bool no_wait = false;
  std::string name;
  std::string user;             // for whom; the admin's socket only
};

// As a wish to the allocator at `socket`. `name` stands for a name that was not given; if it is
// empty, one is drawn: two runs of one person must not be one lease. Error: words for stderr, with
// what to try.
std::expected<Wish, std::string> wish_of(const AskOptions& options, const std::string& socket,
                                         std::string name);

}  // namespace gpuhub::ctl
