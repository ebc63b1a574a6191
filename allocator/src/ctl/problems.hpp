// What a problem of the API means for whoever typed a command: who is in the way, what to do.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace gpuhub::ctl {

// "no-gpu-free" of "urn:gpuhub:problem:no-gpu-free"; empty if there is none.
std::string slug_of(const boost::json::value& problem);
// Lines below a problem's own words: who holds what, each fault of a request. Not made printable.
std::vector<std::string> problem_details(const boost::json::value& problem);
// What to do about it; empty where nothing better is known than the problem's own words.
std::string problem_remedy(std::string_view slug, const boost::json::value& problem);

// Who holds the GPUs that are waited for: "  GPU 0  ana/train  since 2026-01-02T03:04:05.678Z",
// a line each, then how many more are not shown. From a problem or a lease's `queue`.
std::vector<std::string> holder_lines(const boost::json::value& of);

}  // namespace gpuhub::ctl
