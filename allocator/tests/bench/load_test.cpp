// The load generator against a peer of the test's own, on a unix socket and on TCP.
#include "bench/load.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <format>
#include <thread>
#include <vector>

namespace gpuhub::bench {
namespace {
using std::chrono::milliseconds;

// Answers each request with the next of three ways; counts what it was asked. One thread.
class Peer {
 public:
  enum class Way { keep_alive, closing, silent };

  Peer(int family, Way way) : way_(way) {
    listener_ = Descriptor{::socket(family, SOCK_STREAM, 0)};
    if (family == AF_UNIX) {
      address_.path = std::format("{}/bench-{}.sock", ::testing::TempDir(), ::getpid());
      ::unlink(address_.path.c_str());
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      std::strncpy(name.sun_path, address_.path.c_str(), sizeof name.sun_path - 1);
      bind_to(std::bit_cast<sockaddr*>(&name), sizeof name);
    } else {
      sockaddr_in name{};
      name.sin_family = AF_INET;
      name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      bind_to(std::bit_cast<sockaddr*>(&name), sizeof name);
      socklen_t size = sizeof name;
      ::getsockname(listener_.get(), std::bit_cast<sockaddr*>(&name), &size);
      address_.port = ntohs(name.sin_port);
    }
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) ADD_FAILURE() << "no pipe";
    stop_ = Descriptor{ends[0]};
    stopper_ = Descriptor{ends[1]};
    thread_ = std::jthread([this] { serve(); });
  }
  ~Peer() {
    stopper_ = Descriptor{::dup(-1)};
    thread_.join();
    if (!address_.path.empty()) ::unlink(address_.path.c_str());
  }

  const Address& address() const { return address_; }
  int asked() const { return asked_; }
  int released() const { return released_; }

 private:
  void bind_to(const sockaddr* name, socklen_t size) {
    EXPECT_EQ(::bind(listener_.get(), name, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
  }

  void serve() {
    std::vector<Descriptor> clients;
    while (true) {
      std::vector<pollfd> all{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      for (const auto& client : clients) all.push_back({client.get(), POLLIN, 0});
      ::poll(all.data(), all.size(), -1);
      if (all[0].revents != 0) return;
      std::vector<Descriptor> staying;
      for (std::size_t n = 0; n < clients.size(); ++n) {
        if (all[n + 2].revents == 0 || answer(clients[n].get())) {
          staying.push_back(std::move(clients[n]));
        }
      }
      clients = std::move(staying);
      if (all[1].revents != 0) clients.emplace_back(::accept(listener_.get(), nullptr, nullptr));
    }
  }

  // False: the connection is to be closed. Requests are small and come whole.
  bool answer(int client) {
    std::array<char, 4096> buffer;
    const auto size = ::recv(client, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    if (way_ == Way::silent) return true;
    const bool ask = buffer[0] == 'P';
    ++(ask ? asked_ : released_);
    const std::string body = ask ? R"({"id":"L-1"})" : "{}";
    const bool closing = way_ == Way::closing;
    const auto text = std::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}",
                                  ask ? 201 : 200, closing ? "Connection: close\r\n" : "",
                                  body.size(), body);
    // In two pieces: an answer need not come whole.
    for (const auto& piece : {text.substr(0, 20), text.substr(20)}) {
      EXPECT_EQ(::send(client, piece.data(), piece.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(piece.size()));
    }
    return !closing;
  }

  const Way way_;
  Address address_;
  Descriptor listener_, stop_, stopper_;
  std::atomic<int> asked_ = 0, released_ = 0;
  std::jthread thread_;
};

LoadSettings settings(const Peer& peer, int connections) {
  LoadSettings all;
  all.address = peer.address();
  all.connections = connections;
  all.measured = milliseconds{100};
  return all;
}
const MakeTalker http_talkers = [](int number) { return http_talker({.run = "7"}, number); };

void expect_work(int family, Peer::Way way) {
  Peer peer{family, way};
  auto how = settings(peer, 5);
  how.operations = 51;
  const auto done = run_load(how, http_talkers);
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(peer.asked(), peer.released());  // nothing is held at the end
  EXPECT_GE(done->latencies.count(), how.operations);
  EXPECT_EQ(static_cast<std::size_t>(peer.asked() + peer.released()), done->latencies.count());
  EXPECT_GT(done->seconds, 0);
  EXPECT_EQ(done->reconnects > 0, way == Peer::Way::closing);
}

TEST(Load, WorksOnAUnixSocket) { expect_work(AF_UNIX, Peer::Way::keep_alive); }
TEST(Load, WorksOnTcp) { expect_work(AF_INET, Peer::Way::keep_alive); }
TEST(Load, WorksWithAPeerThatClosesEachConnection) { expect_work(AF_UNIX, Peer::Way::closing); }

TEST(Load, EndsWhenItsTimeIsOver) {
  Peer peer{AF_UNIX, Peer::Way::keep_alive};
  const auto done = run_load(settings(peer, 5), http_talkers);
  ASSERT_TRUE(done) << done.error();
  EXPECT_DOUBLE_EQ(done->seconds, 0.1);
  EXPECT_EQ(peer.asked(), peer.released());
  EXPECT_GE(static_cast<std::size_t>(peer.asked() + peer.released()), done->latencies.count());
}

TEST(Load, MakesSoManyOperations) {
  Peer peer{AF_UNIX, Peer::Way::keep_alive};
  auto how = settings(peer, 4);
  how.operations = 30;
  const auto done = run_load(
      how, [](int number) { return http_talker({.release = false, .run = "7"}, number); });
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(done->latencies.count(), 30U);
  EXPECT_EQ(peer.asked(), 30);
  EXPECT_EQ(peer.released(), 0);
}

TEST(Load, SaysWhenNothingIsAnswered) {
  Peer peer{AF_UNIX, Peer::Way::silent};
  auto how = settings(peer, 2);
  how.patience = milliseconds{50};
  const auto done = run_load(how, http_talkers);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), "no answer in 50ms");
}

TEST(Load, SaysWhenNobodyListens) {
  LoadSettings how;
  how.address.path = ::testing::TempDir() + "/nobody.sock";
  const auto done = run_load(how, http_talkers);
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().starts_with("connect to ")) << done.error();
}

}  // namespace
}  // namespace gpuhub::bench
