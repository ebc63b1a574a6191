// One request, answered by asking who it is and whether he may enter.
#pragma once

#include "login/ports.hpp"
#include "login/request.hpp"

namespace gpuhub::login {

// Blocks as long as the ports do.
Answer decide(const Request& request, People& people, Gate& gate);

// True if how fast the answer comes could tell something: it is then held back until a time that is
// the same for all.
bool is_refusal(const Request& request, const Answer& answer);

}  // namespace gpuhub::login
