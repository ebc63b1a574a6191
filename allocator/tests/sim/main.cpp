// sim [--seed N] [--steps M] [--plant BUG --only CHECKER] [--log] [--twice]
//   Without a seed a new one is drawn. It is printed first; with it the run replays exactly.
//   --plant: a bug on purpose; success means that the checker caught it.
//   --twice: runs the seed twice and compares what happened.
// Exit status: 0 all held, 1 something was wrong, 2 wrong usage.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <random>
#include <string_view>

#include "simulation.hpp"

namespace {

using gpuhub::sim::Options;

struct Usage {
  Options options;
  bool seeded = false;
  bool twice = false;
};

bool read_number(const char* text, std::uint64_t& into) {
  const auto* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, into);
  return error == std::errc{} && at == end;
}

bool read(int count, char** words, Usage& into) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : nullptr;
    if (word == "--log") {
      into.options.log = true;
    } else if (word == "--twice") {
      into.twice = true;
    } else if (value == nullptr) {
      return false;
    } else if (word == "--seed") {
      into.seeded = read_number(words[++i], into.options.seed);
      if (!into.seeded) return false;
    } else if (word == "--steps") {
      if (!read_number(words[++i], into.options.steps)) return false;
    } else if (word == "--plant") {
      into.options.plant = words[++i];
    } else if (word == "--only") {
      into.options.only = words[++i];
    } else {
      return false;
    }
  }
  return true;
}

gpuhub::sim::Outcome run(const Options& options) {
  gpuhub::sim::Simulation simulation{options};
  std::printf("seed=%llu steps=%llu version=%s %s%s%s\n",
              static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(options.steps), GPUHUB_VERSION,
              simulation.faults().show().c_str(), options.plant.empty() ? "" : " planted=",
              options.plant.c_str());
  std::fflush(stdout);
  auto outcome = simulation.run();
  std::printf("%llu steps, %llu grants, %llu waits, %llu ends, %llu crashes, %llu conflicts, "
              "trace %016llx\n",
              static_cast<unsigned long long>(outcome.step),
              static_cast<unsigned long long>(outcome.grants),
              static_cast<unsigned long long>(outcome.waits),
              static_cast<unsigned long long>(outcome.ends),
              static_cast<unsigned long long>(outcome.crashes),
              static_cast<unsigned long long>(outcome.conflicts),
              static_cast<unsigned long long>(outcome.trace));
  if (!outcome.wrong.empty()) {
    std::printf("step %llu: %s: %s\n", static_cast<unsigned long long>(outcome.step),
                outcome.checker.c_str(), outcome.wrong.c_str());
  }
  return outcome;
}

// A run of many seeds, each of at most 20,000 steps: the faults are drawn anew for each.
bool all_hold(Options options) {
  gpuhub::sim::Chance seeds{options.seed};
  const auto steps = options.steps;
  for (std::uint64_t done = 0; done < steps; done += options.steps) {
    options.steps = std::min<std::uint64_t>(20'000, steps - done);
    if (done > 0) options.seed = seeds.next();
    const bool held = run(options).wrong.empty();
    if (!options.plant.empty() && !held) return true;
    if (options.plant.empty() && !held) return false;
  }
  return options.plant.empty();
}

}  // namespace

int main(int count, char** words) {
  Usage usage;
  usage.options.steps = 20'000;
  if (!read(count, words, usage)) {
    std::fputs("sim [--seed N] [--steps M] [--plant BUG --only CHECKER] [--log] [--twice]\n",
               stderr);
    return 2;
  }
  if (!usage.seeded) {
    std::random_device device;
    usage.options.seed = (std::uint64_t{device()} << 32U) | device();
  }
  if (usage.twice) {
    const auto first = run(usage.options);
    return first.wrong.empty() && run(usage.options).trace == first.trace ? 0 : 1;
  }
  return all_hold(usage.options) ? 0 : 1;
}
