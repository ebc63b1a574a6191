// gpuhub_bench: one measurement per call, its figures on one line of JSON. The driver (driver/)
// starts the peers and calls it; see docs/performance.md.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <format>
#include <print>
#include <string>

#include "bench/disk.hpp"
#include "bench/listeners.hpp"
#include "bench/load.hpp"
#include "bench/talker.hpp"

namespace {
using namespace gpuhub::bench;

struct Options {
  std::string protocol = "http";
  Address address;
  LoadSettings load;
  int warm_up_ms = 0, measured_ms = 1000;
  HttpWork http;
  RedisWork redis;
  EtcdWork etcd;
  bool keep = false;
  std::string folder = ".";
  std::string target = "/v1/events";
  int listeners = 1;
};

int failed(const std::string& why) {
  std::println(stderr, "gpuhub_bench: {}", why);
  return 1;
}

int load(Options options) {
  options.load.address = options.address;
  options.load.warm_up = std::chrono::milliseconds{options.warm_up_ms};
  options.load.measured = std::chrono::milliseconds{options.measured_ms};
  options.http.release = !options.keep;
  options.http.run = options.etcd.run = std::format("{}", ::getpid());
  const auto done = run_load(options.load, [&](int number) {
    if (options.protocol == "redis") return redis_talker(options.redis, number);
    if (options.protocol == "etcd") return etcd_talker(options.etcd, number);
    return http_talker(options.http, number);
  });
  if (!done) return failed(done.error());
  const auto count = static_cast<double>(done->latencies.count());
  std::println(R"({{"operations":{},"seconds":{:.6f},"per_second":{:.3f},"p50_us":{:.3f},)"
               R"("p99_us":{:.3f},"max_us":{:.3f},"cpu_seconds":{:.3f},"all":{},)"
               R"("conflicts":{},"reconnects":{}}})",
               count, done->seconds, count / done->seconds, done->latencies.quantile_us(0.5),
               done->latencies.quantile_us(0.99), done->latencies.quantile_us(1),
               done->cpu_seconds, done->all, done->conflicts, done->reconnects);
  return 0;
}

int disk(const Options& options) {
  const auto done = measure_disk(options.folder, std::chrono::milliseconds{options.measured_ms});
  if (!done) return failed(done.error());
  const double seconds = options.measured_ms / 1000.0;
  std::println(R"({{"per_second":{:.3f},"p50_us":{:.3f},"p99_us":{:.3f}}})",
               static_cast<double>(done->count()) / seconds, done->quantile_us(0.5),
               done->quantile_us(0.99));
  return 0;
}

// Says "listening" when all are; ends with its standard input.
int listen(const Options& options) {
  auto all = Listeners::open(options.address, options.target, options.listeners);
  if (!all) return failed(all.error());
  std::println("listening");
  std::fflush(stdout);
  if (const auto heard = all->listen(STDIN_FILENO); !heard) return failed(heard.error());
  std::println(R"({{"bytes":{},"least_bytes":{}}})", all->bytes(), all->least_bytes());
  return 0;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app{"measures one thing and prints it as JSON", "gpuhub_bench"};
  app.require_subcommand(1);
  const auto address = [&](CLI::App* verb) {
    verb->add_option("--socket", options.address.path, "the peer's unix socket");
    verb->add_option("--port", options.address.port, "or its port on 127.0.0.1");
  };
  auto* const load_verb = app.add_subcommand("load", "ask for one GPU and release it, again");
  address(load_verb);
  load_verb->add_option("--protocol", options.protocol)
      ->check(CLI::IsMember({"http", "redis", "etcd"}));
  load_verb->add_option("--connections", options.load.connections)->check(CLI::Range(1, 4096));
  load_verb->add_option("--warm-up-ms", options.warm_up_ms)->check(CLI::Range(0, 60'000));
  load_verb->add_option("--measured-ms", options.measured_ms)->check(CLI::Range(1, 600'000));
  load_verb->add_option("--operations", options.load.operations, "so many, whatever time it takes");
  load_verb->add_option("--want", options.http.want, "http: JSON of what is asked for");
  load_verb->add_flag("--keep", options.keep, "http: release nothing");
  load_verb->add_option("--ask-sha", options.redis.ask_sha, "redis: the script's");
  load_verb->add_option("--release-sha", options.redis.release_sha, "redis: the script's");
  load_verb->add_option("--slots", options.etcd.slots, "etcd: of each GPU");
  auto* const disk_verb = app.add_subcommand("disk", "flush 4 KiB, again and again");
  disk_verb->add_option("--folder", options.folder);
  disk_verb->add_option("--measured-ms", options.measured_ms)->check(CLI::Range(1, 600'000));
  auto* const listen_verb = app.add_subcommand("listen", "hear an event stream until stdin ends");
  address(listen_verb);
  listen_verb->add_option("--target", options.target);
  listen_verb->add_option("--count", options.listeners)->check(CLI::Range(1, 4096));
  CLI11_PARSE(app, argc, argv);
  if (load_verb->parsed()) return load(options);
  if (disk_verb->parsed()) return disk(options);
  return listen(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return failed(error.what());
  }
}
