// gpuctl as people start it: the program itself, an allocator whose answers are given, and a docker
// on PATH that does what the test says and keeps a record of its calls.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <regex>
#include <sstream>

#include "place.hpp"
#include "scripted_allocator.hpp"

namespace gpuhub::ctl {

class Program : public ::testing::Test {
 protected:
  void answer(const std::string& what, int status, std::string body) {
    allocator.on(what, {status, std::move(body), Reply::How::answer, {}});
  }

  // `cases`: branches of a shell's case over the first argument. Without one: nothing, status 0.
  void docker(const std::string& cases) {
    const std::string program = folder / "bin/docker";
    const std::string log = folder / "docker.log";
    std::ofstream{program} << "#!/bin/bash\nprintf '%q ' \"$@\" >> " << log << "; echo >> " << log
                           << "\n[[ $1 != --context ]] || shift 2\ncase $1 in\n"
                           << cases << "\nesac\n";
    ::chmod(program.c_str(), 0755);
  }
  // Its calls so far, one line each; words that need it are quoted as bash does.
  std::vector<std::string> docker_calls() {
    std::ifstream log{folder / "docker.log"};
    std::vector<std::string> calls;
    for (std::string line; std::getline(log, line);) {
      calls.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
    }
    return calls;
  }

  // Starts `gpuctl ARGS`, ARGS as in a shell. Both of its streams are kept for finish().
  pid_t start(const std::string& args) {
    out_ = -1;
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) std::abort();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setpgid(0, 0);
      ::dup2(pipe[1], 1);
      ::dup2(pipe[1], 2);
      become(args);
    }
    ::close(pipe[1]);
    out_ = pipe[0];
    started_.set_value(child);
    return child_ = child;
  }
  // The same on a terminal of its own, 60 columns wide.
  pid_t start_on_terminal(const std::string& args) {
    winsize size{.ws_row = 24, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
    const pid_t child = ::forkpty(&out_, nullptr, nullptr, &size);
    if (child == 0) become(args);
    started_.set_value(child);
    return child_ = child;
  }
  // What it has printed, and its exit status in a last line: "…= 0".
  std::string finish() {
    std::string text;
    char chunk[4096];
    for (ssize_t got = 0; (got = ::read(out_, chunk, sizeof chunk)) > 0;) {
      text.append(chunk, static_cast<std::size_t>(got));
    }
    ::close(out_);
    int status = 0;
    ::waitpid(child_, &status, 0);
    started_ = {};
    return text + "= " + std::to_string(WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                                            : WEXITSTATUS(status));
  }
  std::string run(const std::string& args) {
    start(args);
    return finish();
  }
  // The same with columns two spaces apart, whatever their width.
  std::string run_squeezed(const std::string& args) {
    return std::regex_replace(run(args), std::regex{" {2,}"}, "  ");
  }
  // For the allocator's thread: sends a signal to the gpuctl that was started last.
  void signal(int number) { ::kill(started_.get_future().get(), number); }

  // At its terminal: typed there; what it prints up to `words`.
  void type(const std::string& keys) {
    if (::write(out_, keys.data(), keys.size()) < 0) std::abort();
  }
  std::string read_until(const std::string& words) {
    std::string text;
    for (char c = 0; !text.ends_with(words) && ::read(out_, &c, 1) == 1;) text += c;
    return text;
  }

  // What was asked, with the request's id as "R".
  std::vector<std::string> asked() {
    static const std::regex drawn{"ctl-[0-9a-f]{32}"};
    std::vector<std::string> all;
    for (const std::string& one : allocator.asked()) {
      all.push_back(std::regex_replace(one, drawn, "R"));
    }
    return all;
  }

  static std::string made(const http::Folder& in, const char* name) {
    std::filesystem::create_directory(in / name);
    return in / name;
  }

  http::Folder folder;
  const std::string bin = made(folder, "bin");
  const std::string socket = made(folder, "local") + "/s";
  ScriptedAllocator allocator{socket};
  std::string path = bin + ":/usr/bin:/bin";       // PATH
  std::string environment;                         // more of it, "A=b C=d "

 private:
  [[noreturn]] void become(const std::string& args) {
    const std::string command = "exec env -i " + environment + "PATH=" + path + " GPUHUB_SOCKET=" +
                                socket + " " GPUCTL " " + args;
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(126);
  }
  std::promise<pid_t> started_;
  pid_t child_ = -1;
  int out_ = -1;
};

}  // namespace gpuhub::ctl
