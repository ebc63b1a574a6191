#include "ctl/docker_run.hpp"

#include <algorithm>
#include <array>
#include <format>

#include "ctl/contradictions.hpp"
#include "ctl/docker_flags.hpp"

namespace gpuhub::ctl {
namespace {

constexpr const char* example = "gpuctl run -- docker run --rm -it IMAGE";

using Wrong = std::unexpected<Misfit>;

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The part up to and with `run`. Gives how many arguments it took.
std::expected<std::size_t, Misfit> take_client(std::span<const std::string> typed,
                                               DockerRun& out) {
  if (typed.empty()) return Wrong{{"nothing follows the --", example}};
  const std::string program = file_name(typed[0]);
  if (program == "sudo") {
    return Wrong{{"gpuctl calls docker itself", "sudo gpuctl run -- docker run …"}};
  }
  if (program != "docker") {
    return Wrong{{std::format("{} is not docker: the allocator watches Docker's engine", typed[0]),
                  example}};
  }
  const auto flags = parse_flags(Command::docker, typed.subspan(1));
  if (!flags) return Wrong{{flags.error(), "docker --help"}};
  std::size_t taken = 1 + flags->taken;
  out.client.assign(typed.begin(), typed.begin() + static_cast<std::ptrdiff_t>(taken));
  const auto is_next = [&](const char* word) {
    return taken < typed.size() && typed[taken] == word;
  };
  if (is_next("container")) ++taken;
  if (!is_next("run")) {
    return Wrong{{"only docker run gets a lease by gpuctl run",
                  "gpuctl acquire and gpuctl bind, for docker create and docker start"}};
  }
  return taken + 1;
}

// What `docker create` does not know or must not be told. An image that is always to be pulled is,
// before the lease is asked for.
bool is_for_create(const Flag& flag) {
  if (flag.name == "pull") return flag.value != "always";
  return flag.name != "detach" && flag.name != "detach-keys" && flag.name != "sig-proxy";
}

void note(const Flag& flag, DockerRun& out) {
  const bool on = flag.value == "true";
  if (flag.name == "detach") out.detach = on;
  if (flag.name == "interactive") out.interactive = on;
  if (flag.name == "tty") out.tty = on;
  if (flag.name == "rm") out.remove = on;
  if (flag.name == "quiet") out.quiet = on;
  if (flag.name == "detach-keys") out.detach_keys = flag.value;
  if (flag.name == "name") out.name = flag.value;
  if (flag.name == "platform") out.platform = flag.value;
  if (flag.name == "cidfile") out.cidfile = flag.value;
  if (flag.name == "pull") {
    out.pull = flag.value == "always" ? Pull::always
               : flag.value == "never" ? Pull::never
                                       : Pull::missing;
  }
}

// The streams that -a names, and whether the signals go to the container.
struct Streams {
  bool named = false, standard_out = false, standard_error = false, signals = true;
};

std::optional<Misfit> look_at_streams(const Flags& flags, const DockerRun& run) {
  Streams streams;
  for (const Flag& flag : flags.flags) {
    if (flag.name == "sig-proxy") streams.signals = flag.value == "true";
    if (flag.name != "attach") continue;
    std::string stream = flag.value;
    std::ranges::transform(stream, stream.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    streams.named = true;
    streams.standard_out |= stream == "stdout";
    streams.standard_error |= stream == "stderr";
  }
  if (streams.named && run.detach) {
    return Misfit{"--attach and --detach contradict each other", "one of them"};
  }
  if (streams.named && !(streams.standard_out && streams.standard_error)) {
    return Misfit{"docker start cannot attach to one of the output streams only",
                  "without --attach, and 2> /dev/null or > /dev/null behind the command"};
  }
  if (!streams.signals && !run.detach) {
    return Misfit{"docker start cannot keep signals from the container (--sig-proxy=false)",
                  "with -d, then docker attach --sig-proxy=false"};
  }
  return std::nullopt;
}

std::string joined(const Flag& flag) {
  std::string text;
  for (const std::string& token : flag.tokens) text += (text.empty() ? "" : " ") + token;
  return text;
}

void append(std::vector<std::string>& to, std::span<const std::string> from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

std::expected<DockerRun, Misfit> read_docker_run(std::span<const std::string> typed) {
  DockerRun out;
  const auto client = take_client(typed, out);
  if (!client) return Wrong{client.error()};
  typed = typed.subspan(*client);
  const auto flags = parse_flags(Command::run, typed);
  if (!flags) return Wrong{{"docker run: " + flags.error(), "docker run --help"}};
  for (const Flag& flag : flags->flags) {
    if (flag.name == "help") return Wrong{{"docker run --help runs nothing", "docker run --help"}};
    if (auto instead = contradiction(flag.name, flag.value)) {
      return Wrong{{joined(flag) + " contradicts the lease, which alone says what GPUs the "
                                   "container has",
                    std::move(*instead)}};
    }
    note(flag, out);
    if (is_for_create(flag)) append(out.options, flag.tokens);
  }
  if (auto misfit = look_at_streams(*flags, out)) return Wrong{std::move(*misfit)};
  typed = typed.subspan(flags->taken);
  if (typed.empty()) return Wrong{{"docker run names no image", example}};
  out.image = typed[0];
  out.command.assign(typed.begin() + 1, typed.end());
  return out;
}

std::vector<std::string> client_arguments(const DockerRun& run,
                                          std::vector<std::string> arguments) {
  std::vector<std::string> all = run.client;
  append(all, arguments);
  return all;
}

std::vector<std::string> create_arguments(const DockerRun& run,
                                          std::span<const std::string> inject) {
  std::vector<std::string> all = client_arguments(run, {"create"});
  append(all, inject);
  append(all, run.options);
  all.push_back("--");  // what stands in the image's place is never read as an option
  all.push_back(run.image);
  append(all, run.command);
  return all;
}

std::vector<std::string> start_arguments(const DockerRun& run, const std::string& container) {
  std::vector<std::string> all = client_arguments(run, {"start"});
  if (!run.detach) {
    all.push_back("--attach");
    if (run.interactive) all.push_back("--interactive");
    if (run.detach_keys) all.push_back("--detach-keys=" + *run.detach_keys);
  }
  all.push_back(container);
  return all;
}

std::vector<std::string> pull_arguments(const DockerRun& run) {
  std::vector<std::string> all = client_arguments(run, {"pull"});
  if (run.quiet) all.push_back("--quiet");
  if (run.platform) all.push_back("--platform=" + *run.platform);
  all.push_back("--");
  all.push_back(run.image);
  return all;
}

}  // namespace gpuhub::ctl
