// The docker command line as `run` needs it: each step of a `docker run` with a lease. The person's
// own client is called, with the options in front of `run`, so contexts, credentials and
// confinement are what they are used to. Its words go to stderr as they are.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "ctl/docker_run.hpp"
#include "ctl/signals.hpp"

namespace gpuhub::ctl {

// The status that docker itself gives when a container was not even started.
inline constexpr int never_ran = 125;

class Docker {
 public:
  // Both are borrowed and must outlive it.
  Docker(const DockerRun& run, Signals& signals) : run_(run), signals_(signals) {}

  // Why a step failed: words for stderr (docker has said its own already), and the exit status.
  struct Trouble {
    std::string message;
    int status = never_ran;
  };
  template <typename T>
  using Done = std::expected<T, Trouble>;

  // Sees that the image is here, pulling it if need be: before a lease is asked for, which would
  // lapse during a long pull.
  Done<void> fetch_image();
  // Makes the container and gives its full id. On Trouble there is none.
  Done<std::string> create(std::span<const std::string> inject);

  enum class Ran { yes, no, unknown };  // unknown: it is gone, and its program may have failed
  struct End {
    int status = 0;    // what `docker run` would end with; if unknown, what `docker start` has
    Ran ran = Ran::yes;
  };
  // Starts it and stays attached to its end unless --detach was given. A container that has not
  // run is left as it is.
  Done<End> start(const std::string& container);
  // Removes a container that was created here, with its volumes. Failures are not told.
  void remove(const std::string& container);

 private:
  Done<std::string> step(std::vector<std::string> arguments, bool captured);
  bool shares_terminal() const;
  End judge(const std::string& container, int status);
  void hear(const Signal& signal, pid_t pid);
  void hear_attached(const Signal& signal, pid_t pid, const std::string& container);

  const DockerRun& run_;
  Signals& signals_;
  int urged_ = 0;      // how often somebody has asked to end while attached
  int left_by_ = 0;    // the signal at which the container was left alone; 0: none
  int end_asked_ = 0;  // the signal that asked to end while a step before the start was at work
};

}  // namespace gpuhub::ctl
