#include "ctl/docker.hpp"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <format>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>

#include "ctl/characters.hpp"
#include "ctl/child.hpp"
#include "ctl/say.hpp"
#include "model/ids.hpp"

namespace gpuhub::ctl {
namespace {

using Wrong = std::unexpected<Docker::Trouble>;

constexpr int urged_max = 3;  // as docker's own client has it

Docker::Trouble not_there(const std::string& program, int error_number) {
  if (error_number == ENOENT) {
    return {std::format("there is no {} here\ntry this: install the docker client of your "
                        "distribution; ./gpuhub ctl has none, use a gpuctl of the host",
                        program)};
  }
  return {std::format("cannot start {}: {}", program,
                      std::generic_category().message(error_number))};
}

Wrong stopped(int signal) {
  return Wrong{{"stopped", status_of_signal(signal)}};
}

std::string last_line(std::string text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

// A file that names a container which is gone would only stop the next run.
void forget_id_file(const std::string& path, const std::string& container) {
  std::ifstream file{path};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (text == container) std::remove(path.c_str());
}

}  // namespace

void Docker::hear(const Signal& signal, pid_t pid) {
  const int number = static_cast<int>(signal.ssi_signo);
  if (number == SIGHUP || number == SIGINT || number == SIGQUIT || number == SIGTERM) {
    end_asked_ = number;
  }
  pass_on(signal, pid);
}

// A step before the start. Its output, if captured, also when it was told to end.
Docker::Done<std::string> Docker::step(std::vector<std::string> arguments, bool captured) {
  const std::string what = arguments[run_.client.size()];
  auto end = run_child({.arguments = std::move(arguments),
                        .output = captured ? Output::captured : Output::errors},
                       signals_, [this](const Signal& signal, pid_t pid) { hear(signal, pid); });
  if (end.error_number != 0) return Wrong{not_there(run_.client[0], end.error_number)};
  if (end.status == 0 || end_asked_ != 0) return std::move(end.output);
  return Wrong{{std::format("docker {} did not succeed", what)}};
}

Docker::Done<void> Docker::fetch_image() {
  if (run_.pull != Pull::always) {
    const auto end = run_child(
        {.arguments = client_arguments(run_, {"image", "inspect", "--format={{.Id}}", "--",
                                              run_.image}),
         .output = Output::dropped},
        signals_, [this](const Signal& signal, pid_t pid) { hear(signal, pid); });
    if (end.error_number != 0) return Wrong{not_there(run_.client[0], end.error_number)};
    if (end_asked_ != 0) return stopped(end_asked_);
    if (end.status == 0) return {};
    if (run_.pull == Pull::never) {
      return Wrong{{std::format("the image {0} is not here, or docker does not answer\n"
                                "try this: docker pull {0}",
                                run_.image)}};
    }
  }
  auto pulled = step(pull_arguments(run_), false);
  if (!pulled) return Wrong{std::move(pulled.error())};
  if (end_asked_ != 0) return stopped(end_asked_);
  return {};
}

Docker::Done<std::string> Docker::create(std::span<const std::string> inject) {
  auto made = step(create_arguments(run_, inject), true);
  if (!made) return Wrong{std::move(made.error())};
  const std::string id = last_line(*made);
  const bool there = model::ContainerId::parse(id).has_value();
  if (end_asked_ != 0) {
    if (there) remove(id);
    return stopped(end_asked_);
  }
  if (there) return id;
  return Wrong{{"docker create gave no container id, but: " + printable(id.substr(0, 80))}};
}

// `docker run` hands signals to the container. `docker start` does so for a container without a
// terminal only, and its later versions (27 and on) give up at the first INT or TERM instead. So no
// signal reaches it, and the container gets them from here.
void Docker::hear_attached(const Signal& signal, pid_t pid, const std::string& container) {
  const int number = static_cast<int>(signal.ssi_signo);
  if (number == SIGWINCH) {
    if (!shares_terminal()) ::kill(pid, number);
    return;
  }
  // A program that does not hear them must not hold its people at the terminal for ever.
  const bool ends = number != SIGUSR1 && number != SIGUSR2;
  if (ends && ++urged_ == urged_max) {
    left_by_ = number;
    say("the container goes on without us; docker stop " + container.substr(0, 12));
    ::kill(pid, SIGKILL);
    return;
  }
  run_child({.arguments = client_arguments(
                 run_, {"kill", std::format("--signal={}", number), container}),
             .output = Output::dropped},
            signals_, [](const Signal&, pid_t) {});
}

// Input and output are one terminal, in raw mode: its keys are no signals, and the client must be
// of its foreground group to read it.
bool Docker::shares_terminal() const { return run_.tty && run_.interactive; }

Docker::Done<Docker::End> Docker::start(const std::string& container) {
  Child child{.arguments = start_arguments(run_, container)};
  if (!run_.detach && !shares_terminal()) {
    child.own_group = true;
    child.relay_input = run_.interactive && ::isatty(STDIN_FILENO) == 1;
  }
  const auto end = run_child(child, signals_, [&](const Signal& signal, pid_t pid) {
    if (run_.detach) return pass_on(signal, pid);
    hear_attached(signal, pid, container);
  });
  if (end.error_number != 0) return Wrong{not_there(run_.client[0], end.error_number)};
  if (left_by_ != 0) return End{status_of_signal(left_by_), Ran::yes};
  return end.status == 0 ? End{} : judge(container, end.status);
}

// `docker start` ends with 1 if the container could not be started. Its program may do so too.
Docker::End Docker::judge(const std::string& container, int status) {
  const auto end = run_child(
      {.arguments = client_arguments(
           run_, {"inspect", "--type=container",
                  "--format={{.State.StartedAt}} {{.State.ExitCode}}", container}),
       .output = Output::asked},
      signals_, [](const Signal&, pid_t) {});
  std::istringstream words{end.output};
  std::string started;
  int exit_code = 0;
  if (end.status != 0 || !(words >> started >> exit_code)) {
    return {status, status == 1 ? Ran::unknown : Ran::yes};
  }
  if (!started.starts_with("0001-")) return {status, Ran::yes};
  // The engine's own 126 and 127: the command cannot be run, or is not there.
  return {exit_code == 126 || exit_code == 127 ? exit_code : never_ran, Ran::no};
}

void Docker::remove(const std::string& container) {
  run_child({.arguments = client_arguments(run_, {"rm", "--force", "--volumes", container}),
             .output = Output::dropped},
            signals_, [](const Signal&, pid_t) {});
  if (run_.cidfile) forget_id_file(*run_.cidfile, container);
}

}  // namespace gpuhub::ctl
