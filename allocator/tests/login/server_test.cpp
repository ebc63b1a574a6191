// The server in a process of its own, with a handler that does what the line says.
#include "login/server.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "login/line.hpp"
#include "login/unix_client.hpp"

namespace gpuhub::login {
namespace {
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto patience = 20s;

std::string obey(std::string& line) {
  if (line == "hang") ::pause();
  if (line == "spin") while (true) static_cast<void>(::getppid());
  if (line == "hang for good") {  // deaf to everything that can be refused
    for (int signal = 1; signal < NSIG; ++signal) std::signal(signal, SIG_IGN);
    while (true) ::pause();
  }
  if (line == "child") {
    if (::fork() == 0) while (true) ::pause();
  }
  if (line == "crash") std::abort();
  if (line == "leave") ::_exit(3);
  if (line == "throw") throw std::runtime_error{"x"};
  if (line == "long") return std::string(1 << 20, 'x') + "\n";
  return "did " + line + "\n";
}

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    std::string name = "/tmp/gpuhub-login-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder = name;
  }
  ~ServerTest() override {
    end(SIGTERM);
    std::filesystem::remove_all(folder);
  }
  void start(Limits limits = {.time = 30s, .peer = ::getuid()}) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    process = ::fork();
    if (process == 0) {
      ::signal(SIGABRT, SIG_DFL);
      auto server = Server::create(socket(), limits, obey);
      if (server) {
        if (::write(pipe[1], "x", 1) != 1) ::_exit(2);
        ::close(pipe[1]);
        (*server)->run();
        server->reset();
      }
      ::_exit(server ? 0 : 1);
    }
    ::close(pipe[1]);
    char ready = 0;
    ASSERT_EQ(::read(pipe[0], &ready, 1), 1);
    ::close(pipe[0]);
  }
  int end(int signal) {
    if (process <= 0) return -1;
    ::kill(process, signal);
    int status = 0;
    ::waitpid(process, &status, 0);
    process = -1;
    return status;
  }
  std::string socket() const { return folder / "login.sock"; }
  Connection send(std::string_view text) const {
    auto connection = connect_to(socket());
    if (!connection) std::abort();
    send_line(connection->fd(), text);
    return *std::move(connection);
  }
  static std::string answer(const Connection& connection) {
    const auto line = receive_line(connection.fd(), patience);
    return line ? *line : "no answer: " + line.error();
  }
  std::string ask(std::string_view line) const { return answer(send(std::string{line} + "\n")); }

  std::string ask_until_there_is_room(std::string_view line) const {
    const auto until = Clock::now() + patience;
    auto told = ask(line);
    while (told.contains("\"busy\"") && Clock::now() < until) {
      ::usleep(10'000);
      told = ask(line);
    }
    return told;
  }

  std::filesystem::path folder;
  pid_t process = -1;
};

constexpr auto crashed = R"({"outcome":"unavailable","detail":"the check crashed"})";

TEST_F(ServerTest, OneLineInOneLineOut) {
  start();
  EXPECT_EQ(ask("this"), "did this");
  EXPECT_EQ(ask(""), "did ");
  const auto slowly = send("th");
  send_line(slowly.fd(), "at\n");
  EXPECT_EQ(answer(slowly), "did that");
  struct stat there{};
  ASSERT_EQ(::stat(socket().c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 07777, 0600U);
}

TEST_F(ServerTest, ACheckThatCrashesIsAnAnswer) {
  start();
  for (const auto* how : {"crash", "leave", "throw"}) EXPECT_EQ(ask(how), crashed) << how;
  EXPECT_EQ(ask("this"), "did this");
}

TEST_F(ServerTest, ChecksThatHangAreKilledAndMakeRoom) {
  start({.at_once = 3, .time = 2s, .peer = ::getuid()});
  const auto begun = Clock::now();
  const auto hang = send("hang\n"), spin = send("spin\n"), deaf = send("hang for good\n");
  for (const auto* one : {&hang, &spin, &deaf}) {
    EXPECT_EQ(answer(*one), R"({"outcome":"unavailable","detail":"no answer within 2000ms"})");
    EXPECT_GE(Clock::now() - begun, 1'900ms);
  }
  EXPECT_EQ(ask("this"), "did this");
}

TEST_F(ServerTest, WhatACheckLeavesBehindIsNoneOfTheNextOnes) {
  start({.at_once = 1, .time = 30s, .peer = ::getuid()});
  EXPECT_EQ(ask("child"), "did child");
  EXPECT_EQ(ask_until_there_is_room("this"), "did this");
}

TEST_F(ServerTest, OneTooManyIsToldSo) {
  start({.at_once = 2, .time = 30s, .peer = ::getuid()});
  const auto one = send("hang\n"), two = send("hang\n");
  EXPECT_EQ(ask("this"), R"({"outcome":"busy","detail":"2 log-ins at once"})");
}

TEST_F(ServerTest, LinesThatAreNone) {
  start({.time = 30s, .request_time = 200ms, .peer = ::getuid()});
  const auto bad = [](const std::string& what) {
    return R"({"outcome":"bad-request","detail":")" + what + "\"}";
  };
  EXPECT_EQ(answer(send("")), bad("nothing came within 200ms"));
  EXPECT_EQ(answer(send("half")), bad("nothing came within 200ms"));
  EXPECT_EQ(answer(send("one\ntwo\n")), bad("more than one line came"));
  EXPECT_EQ(answer(send(std::string(9000, 'x'))), bad("the line is longer than 8192 bytes"));
  const auto gone = send("half");
  ::shutdown(gone.fd(), SHUT_WR);
  EXPECT_EQ(answer(gone), bad("the connection ended before its line did"));
}

TEST_F(ServerTest, WhoIsNotTheHubIsTurnedAway) {
  start({.peer = ::getuid() + 1});
  EXPECT_EQ(ask("this").substr(0, 10), "no answer:");
}

TEST_F(ServerTest, WhoLeavesOrDoesNotReadHarmsNobody) {
  start({.at_once = 2, .time = 300ms, .peer = ::getuid()});
  const auto deaf = send("long\n");
  { const auto gone = send("hang\n"); }
  EXPECT_EQ(ask_until_there_is_room("this"), "did this");  // both were killed in time
}

// Whether the question had been read by then is chance; one that had not ends with a reset.
bool ended_unanswered(const std::string& said) {
  return said == "no answer: the connection ended before its line did" ||
         said == std::string{"no answer: "} + std::strerror(ECONNRESET);
}

TEST_F(ServerTest, EndsAtOnceWithAllThatRuns) {
  start();
  const auto hanging = send("hang for good\n");
  const auto other = ask("this");
  const int status = end(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_PRED1(ended_unanswered, answer(hanging));
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(ServerTest, AfterAKillItsSocketIsReplacedAndNothingRunsOn) {
  start();
  const auto hanging = send("hang for good\n");
  EXPECT_EQ(ask("this"), "did this");
  end(SIGKILL);
  EXPECT_PRED1(ended_unanswered, answer(hanging));
  start();
  EXPECT_EQ(ask("this"), "did this");
}

TEST_F(ServerTest, PingSaysWhy) {
  const auto nobody = ping(socket(), 1s);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error(), socket() + ": No such file or directory");
  start();
  const auto odd = ping(socket(), 5s);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error(), R"(did {"op":"ping"})");
}

}  // namespace
}  // namespace gpuhub::login
