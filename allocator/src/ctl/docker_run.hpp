// A `docker run` command line taken apart into the steps between which the lease is bound: create,
// bind, start. Pure.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gpuhub::ctl {

enum class Pull { missing, always, never };

struct DockerRun {
  std::vector<std::string> client;     // `docker` and its own options, without `run`
  std::vector<std::string> options;    // for `docker create`: all but what only `run` knows
  std::string image;
  std::vector<std::string> command;    // what follows the image
  bool detach = false, interactive = false, tty = false;
  bool remove = false;                 // --rm: the engine removes the container at its end
  bool quiet = false;
  Pull pull = Pull::missing;
  std::optional<std::string> name, platform, detach_keys, cidfile;
};

struct Misfit {
  std::string what;    // one line: why this cannot be run under a lease
  std::string instead;  // what to try; never empty
};

// Takes `docker run …` or `docker container run …` as it would be typed, with docker's own options
// in front of `run` if there are any. Refused: what is no such command line, what contradicts a
// lease (which alone says what GPUs the container has), and the little that create and start cannot
// do as run does.
std::expected<DockerRun, Misfit> read_docker_run(std::span<const std::string> typed);

// The arguments of each step, the program first. `inject`: the lease's `docker_run`; it stands
// before the options that were given, so that those win where both say something.
std::vector<std::string> create_arguments(const DockerRun& run,
                                          std::span<const std::string> inject);
std::vector<std::string> start_arguments(const DockerRun& run, const std::string& container);
std::vector<std::string> pull_arguments(const DockerRun& run);
// docker with other arguments: the same engine.
std::vector<std::string> client_arguments(const DockerRun& run,
                                          std::vector<std::string> arguments);

}  // namespace gpuhub::ctl
