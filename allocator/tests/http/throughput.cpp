// How many requests a second the server's thread can take, and what one costs it. Run by hand:
//   http_throughput [SECONDS]                        both sides in one process; prints a table
//   http_throughput serve SOCKET REQUESTS            one side alone, for a profiler, and the
//   http_throughput drive SOCKET CONNECTIONS REQUESTS  other; ends after so many
// The handler does nothing but answer, at once or as after a commit, all of a turn of the loop
// together; request and answer have the sizes of an ask and its lease. Last, what listeners cost.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <format>
#include <functional>
#include <future>
#include <list>
#include <print>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "http/broadcast.hpp"
#include "http/server.hpp"
#include "place.hpp"

namespace gpuhub::http {
namespace {

using Clock = std::chrono::steady_clock;

std::string request_text() {
  const std::string body =
      R"({"request_id":"5f2c7a0e4c1b4b8d9e3f","owner":{"user":"ana","server":""},)"
      R"("groups":["staff","vision"],"gpus":{"count":1},"mode":"shared","capabilities":[]})";
  return std::format(
      "POST /v1/leases HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
      "Accept-Encoding: identity\r\nUser-Agent: gpuhub/0.1.0\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      body.size(), body);
}

[[noreturn]] void fail(std::string_view what) {
  std::println(stderr, "{}: {}", what, std::strerror(errno));
  std::exit(1);
}

// Some connections, each with one request under way at any time. As cheap as it can be: what it
// costs is not the server's.
class Driver {
 public:
  Driver(const std::string& path, std::size_t connections) : epoll_(::epoll_create1(0)) {
    for (std::size_t i = 0; i < connections; ++i) {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail(path);
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
      waiting_.push_back({.fd = fd});
    }
    answer_size_ = size_of_first_answer();
  }
  ~Driver() {
    for (const auto& one : waiting_) ::close(one.fd);
    ::close(epoll_);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // Keeps all connections busy until `enough` says so; gives the number of answers.
  std::uint64_t run(const std::function<bool(std::uint64_t)>& enough) {
    std::uint64_t answers = 0;
    for (auto& one : waiting_) ask(one);
    std::array<epoll_event, 64> events{};
    for (bool more = true; more || under_way_ > 0; more = more && !enough(answers)) {
      const int ready = ::epoll_wait(epoll_, events.data(), events.size(), 5000);
      if (ready <= 0) fail("no answer comes");
      for (const auto& event : std::span{events}.first(static_cast<std::size_t>(ready))) {
        auto& one = waiting_[event.data.u64];
        const ssize_t got = ::recv(one.fd, scrap_.data(), scrap_.size(), 0);
        if (got <= 0) fail("the server closed");
        one.got += static_cast<std::size_t>(got);
        if (one.got < answer_size_) continue;
        one.got = 0;
        --under_way_;
        ++answers;
        if (more) ask(one);
      }
    }
    return answers;
  }

 private:
  struct Connection {
    int fd;
    std::size_t got = 0;
  };
  void ask(Connection& one) {
    if (::send(one.fd, request_.data(), request_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_.size())) {
      fail("cannot send");
    }
    ++under_way_;
  }
  std::size_t size_of_first_answer() {
    ask(waiting_.front());
    std::string text;
    while (true) {
      const ssize_t got = ::recv(waiting_.front().fd, scrap_.data(), scrap_.size(), 0);
      if (got <= 0) fail("no first answer");
      text.append(scrap_.data(), static_cast<std::size_t>(got));
      const auto end = text.find("\r\n\r\n");
      const auto field = text.find("ontent-");
      if (end == std::string::npos) continue;
      for (auto at = field; at < end; at = text.find("ontent-", at + 1)) {
        constexpr std::string_view length = "ontent-length: ";
        const bool here = ::strncasecmp(text.data() + at, length.data(), length.size()) == 0;
        if (!here) continue;
        std::size_t body = 0;
        std::from_chars(text.data() + at + length.size(), text.data() + end, body);
        if (text.size() < end + 4 + body) break;
        --under_way_;
        return end + 4 + body;
      }
    }
  }

  const std::string request_ = request_text();
  int epoll_;
  std::vector<Connection> waiting_;
  std::size_t under_way_ = 0;
  std::size_t answer_size_ = 0;
  std::array<char, 16 * 1024> scrap_{};
};

// A server that answers all alike, at once or in groups; `answered` is called after each. On
// another path than a lease's it streams.
class Answering {
 public:
  Answering(Loop& loop, const std::string& path, bool grouped, std::function<void()> answered = {})
      : loop_(loop),
        grouped_(grouped),
        answered_(std::move(answered)),
        broadcast(loop, {}, [](std::size_t n) { return std::format(": {} more\n", n); }, "\n") {
    auto made = Server::create(
        loop, {{.path = path, .role = "hub:lab"}}, {},
        {.handler = [this](const Request& request, Respond respond) { handle(request, respond); },
         .error_answer =
             [](int status, std::string_view) {
               return Response{.status = status, .headers = {}, .body = {}};
             },
         .note = {}});
    if (!made) {
      std::println(stderr, "{}", made.error());
      std::exit(1);
    }
    server_ = std::move(*made);
  }

 private:
  void handle(const Request& request, Respond& respond) {
    if (request.method == "GET") {
      broadcast.join(respond.stream({.headers = {}, .body = {}}));
    } else if (grouped_) {
      waiting_.push_back(std::move(respond));
      if (waiting_.size() == 1) loop_.post([this] { answer_all(); });
    } else {
      answer(respond);
    }
  }
  void answer_all() {
    for (Respond& respond : std::exchange(waiting_, {})) answer(respond);
  }
  void answer(Respond& respond) {
    respond({.status = 201, .headers = {}, .body = body_});
    if (answered_) answered_();
  }

  Loop& loop_;
  const bool grouped_;
  std::function<void()> answered_;
  const std::string body_ = "{\"lease\":\"" + std::string(900, 'x') + "\"}";
  std::vector<Respond> waiting_;

 public:
  Broadcast broadcast;

 private:
  std::unique_ptr<Server> server_;
};

struct Usage {
  double user = 0, system = 0, all = 0;  // seconds
};
Usage used_by_this_thread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  timespec exact{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &exact);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return {seconds(usage.ru_utime), seconds(usage.ru_stime),
          static_cast<double>(exact.tv_sec) + static_cast<double>(exact.tv_nsec) / 1e9};
}
Usage used_by(Loop& loop) {
  std::promise<Usage> told;
  loop.post([&told] { told.set_value(used_by_this_thread()); });
  return told.get_future().get();
}

double each(double from, double to, double count) { return (to - from) * 1e6 / count; }

void requests(double seconds, bool grouped) {
  const Folder folder;
  Loop loop;
  const Answering answering{loop, folder / "s", grouped};
  const std::jthread serving{[&loop] { loop.run(); }};
  for (const std::size_t connections : {1U, 16U, 64U}) {
    Driver driver{folder / "s", connections};
    driver.run([](std::uint64_t answers) { return answers > 2000; });
    const Usage before = used_by(loop);
    const Usage mine = used_by_this_thread();
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(seconds));
    const auto answers =
        static_cast<double>(driver.run([end](std::uint64_t) { return Clock::now() >= end; }));
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    const Usage after = used_by(loop);
    std::println("{:9} {:11}  {:10.0f}  {:17.2f} ({:.2f} + {:.2f})        {:17.2f}",
                 grouped ? "in groups" : "at once", connections, answers / took,
                 each(before.all, after.all, answers), each(before.user, after.user, answers),
                 each(before.system, after.system, answers),
                 each(mine.all, used_by_this_thread().all, answers));
  }
  loop.stop();
}

// Readers of streams, who read all they get.
void read_streams(const std::string& path, int count, const std::stop_token& stop) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::list<RawClient> clients;
  for (int i = 0; i < count; ++i) {
    auto& client = clients.emplace_back(path);
    client.send("GET /v1/events HTTP/1.1\r\n\r\n");
    epoll_event event{.events = EPOLLIN, .data = {.fd = client.fd()}};
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, client.fd(), &event);
  }
  std::vector<char> scrap(64 * 1024);
  std::array<epoll_event, 64> events{};
  while (!stop.stop_requested()) {
    const int ready = ::epoll_wait(epoll, events.data(), events.size(), 10);
    for (int i = 0; i < ready; ++i) {
      std::ignore = ::recv(events[static_cast<std::size_t>(i)].data.fd, scrap.data(), scrap.size(),
                           MSG_DONTWAIT);
    }
  }
  ::close(epoll);
}

// 100,000 things a second happen; so much of the server's thread goes to 500 who listen.
void listeners(double seconds) {
  const Folder folder;
  Loop loop;
  Answering answering{loop, folder / "s", false};
  std::jthread readers{[&](const std::stop_token& stop) {
    read_streams(folder / "s", 500, stop);
  }};
  if (!loop.run_until([&] { return answering.broadcast.listeners() == 500; },
                      std::chrono::seconds{5})) {
    fail("listeners do not come");
  }
  const std::string event = "event: lease\ndata: " + std::string(700, 'x') + "\n\n";
  std::uint64_t made = 0;
  Timer timer{loop, [&] {
                for (int i = 0; i < 100; ++i) {
                  if (answering.broadcast.wants_more()) {
                    answering.broadcast.say(event);
                    ++made;
                  } else {
                    answering.broadcast.leave_out();
                  }
                }
                timer.set(std::chrono::milliseconds{1});
              }};
  timer.set(std::chrono::milliseconds{1});
  const Usage before = used_by_this_thread();
  loop.run_until([] { return false; }, std::chrono::milliseconds{static_cast<int>(seconds * 1000)});
  const double used = used_by_this_thread().all - before.all;
  std::println("500 listeners: {:.1f} % of the server's thread, {} of 100000 events a second sent, "
               "{} still there",
               used / seconds * 100, static_cast<int>(static_cast<double>(made) / seconds),
               answering.broadcast.listeners());
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 3 && arguments[0] == "serve") {
    Loop loop;
    std::uint64_t left = std::stoull(arguments[2]);
    const Answering answering{loop, arguments[1], false, [&] {
                                if (--left == 0) loop.stop();
                              }};
    loop.run();
  } else if (arguments.size() == 4 && arguments[0] == "drive") {
    Driver driver{arguments[1], std::stoull(arguments[2])};
    const std::uint64_t wanted = std::stoull(arguments[3]);
    driver.run([wanted](std::uint64_t answers) { return answers >= wanted; });
  } else {
    const double seconds = arguments.empty() ? 2.0 : std::stod(arguments[0]);
    std::println("answers   connections  requests/s  server us/request (user + system)  "
                 "client us/request");
    requests(seconds, false);
    requests(seconds, true);
    listeners(seconds);
  }
  return 0;
}

}  // namespace
}  // namespace gpuhub::http

int main(int argc, char** argv) { return gpuhub::http::run({argv + 1, argv + argc}); }
