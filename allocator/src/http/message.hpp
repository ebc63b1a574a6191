// HTTP messages as plain values, both for the server and the client. Knows nothing of GPUs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gpuhub::http {

// Name and value, in the order sent. Names are lower case in what was received.
using Headers = std::vector<std::pair<std::string, std::string>>;

// Value of the first header called `name` (lower case); nullopt if there is none.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

// Who is at the other end of a unix socket, as the kernel says (SO_PEERCRED).
struct Peer {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;
};

// A path and query taken apart; all text percent-decoded.
struct Target {
  std::string path;                                        // "/v1/leases/L-1", for people and logs
  std::vector<std::string> segments;  // {"v1", "leases", "L-1"}: route by these
  std::vector<std::pair<std::string, std::string>> query;  // in order; a key may come twice
};

// nullopt unless `raw` is a path ("/…", optional query) with right percent-encoding, without
// control characters, "." or ".." segments. One trailing slash is dropped; "//" gives an empty
// segment.
std::optional<Target> parse_target(std::string_view raw);

struct Request {
  std::string role;    // of the socket it came in by, as the caller of Server::create named it
  Peer peer;
  std::string method;  // "GET", "POST", …; upper case as sent, may be one that nobody knows
  Target target;
  Headers headers;
  std::string body;    // whole, at most Limits::body_max bytes
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";  // empty: none is sent
  Headers headers;                                // besides content type, length and connection
  std::string body;
};

}  // namespace gpuhub::http
