// One connection of the client, as coroutines. For the sources of http/ only; no Beast here.
#pragma once

#include "http/client.hpp"
#include "http/deadline.hpp"

namespace gpuhub::http {

// Closing the socket from outside ends either early, with `broken`.
// Connects, sends, reads the whole answer, all within limits.time.
asio::awaitable<std::expected<Response, ClientError>> exchange(UnixSocket& socket,
                                                               std::string path, Call call,
                                                               ClientLimits limits);
// Connects, sends a GET and hands over lines until the body ends; gives the reason why it ended.
// `go_on` is asked after each callback.
asio::awaitable<ClientError> follow(UnixSocket& socket, std::string path, std::string target,
                                    ClientLimits limits, StreamEvents events,
                                    std::function<bool()> go_on);

}  // namespace gpuhub::http
