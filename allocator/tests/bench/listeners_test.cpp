// Listeners against a stream of the test's own.
#include "bench/listeners.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <format>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace gpuhub::bench {
namespace {

// Gives each of `count` clients the same answer; then the connections are the test's.
class Stream {
 public:
  Stream(int count, std::string_view answer) {
    address_.path = std::format("{}/listen-{}.sock", ::testing::TempDir(), ::getpid());
    ::unlink(address_.path.c_str());
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, address_.path.c_str(), sizeof name.sun_path - 1);
    listener_ = Descriptor{::socket(AF_UNIX, SOCK_STREAM, 0)};
    EXPECT_EQ(::bind(listener_.get(), std::bit_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    thread_ = std::jthread([this, count, answer] {
      for (int n = 0; n < count; ++n) {
        clients.emplace_back(::accept(listener_.get(), nullptr, nullptr));
        std::array<char, 1024> request;
        if (::recv(clients.back().get(), request.data(), request.size(), 0) <= 0) return;
        if (request[0] != 'G') ADD_FAILURE() << "no GET";
        send(clients.back(), answer);
      }
    });
  }
  ~Stream() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    ::unlink(address_.path.c_str());
  }
  static void send(const Descriptor& client, std::string_view text) {
    EXPECT_EQ(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  void wait() { thread_.join(); }
  const Address& address() const { return address_; }

  std::vector<Descriptor> clients;

 private:
  Address address_;
  Descriptor listener_;
  std::jthread thread_;
};

constexpr std::string_view head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
constexpr std::string_view event = "event: lease\ndata: {}\n\n";

// A pipe whose reading end tells the listeners to stop once `writer` is closed.
struct Stop {
  Stop() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) ADD_FAILURE() << "no pipe";
    reader = Descriptor{ends[0]};
    writer = Descriptor{ends[1]};
  }
  Descriptor reader, writer;
};

TEST(Listeners, CountWhatEachHearsUntilAStreamEnds) {
  Stream stream{3, head};
  auto all = Listeners::open(stream.address(), "/v1/events", 3);
  ASSERT_TRUE(all) << all.error();
  stream.wait();
  EXPECT_EQ(all->bytes(), 3 * head.size());
  // One hears twice as much as the others; then its stream ends, which the bench must not miss.
  for (const auto& client : stream.clients) Stream::send(client, event);
  Stream::send(stream.clients[1], event);
  ::shutdown(stream.clients[1].get(), SHUT_WR);
  const Stop stop;
  const auto heard = all->listen(stop.reader.get());
  ASSERT_FALSE(heard);
  EXPECT_EQ(heard.error(), "the allocator ended a listener's stream");
  EXPECT_EQ(all->bytes(), 3 * head.size() + 4 * event.size());
  EXPECT_EQ(all->least_bytes(), head.size() + event.size());
}

TEST(Listeners, StopWhenTheyAreTold) {
  Stream stream{2, head};
  auto all = Listeners::open(stream.address(), "/v1/events", 2);
  ASSERT_TRUE(all) << all.error();
  stream.wait();
  Stop stop;
  stop.writer = Descriptor{};
  EXPECT_TRUE(all->listen(stop.reader.get()));
  EXPECT_EQ(all->least_bytes(), head.size());
}

TEST(Listeners, SayWhatTheyWereAnswered) {
  Stream stream{1, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"};
  const auto all = Listeners::open(stream.address(), "/v1/events", 1);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error(), "status 404");
}

}  // namespace
}  // namespace gpuhub::bench
