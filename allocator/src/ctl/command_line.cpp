#include "ctl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <format>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include "model/ids.hpp"

namespace gpuhub::ctl {
namespace {

// What subcommands were told; outlives the parse in their closures.
struct Told {
  bool all = false;
  std::string lease, gpu, container;
  AskOptions ask;
  LeaseFormat format = LeaseFormat::id;
  std::optional<int> slots;
  std::optional<std::string> label;
  std::vector<std::string> typed;      // behind the "--"
};
using Shared = std::shared_ptr<Told>;
using Command = std::function<int(const Common&)>;

constexpr const char* run_help = R"help(Examples:
  gpuctl run -- docker run --rm -it pytorch/pytorch python
      one GPU; waits in the queue if none is free (Ctrl-C gives up)
  gpuctl run --gpus 2 --wait=30m -- docker run -d --name train my/image ./train.sh
      two GPUs, within half an hour or not at all
  gpuctl run --gpus none -- docker run --rm my/image
      sees no GPU, whatever the image asks for

Leave --gpus, --privileged, --runtime nvidia and NVIDIA_VISIBLE_DEVICES out of the docker command:
the lease alone says which GPUs the container has. They are free again when it ends. The exit
status is that of docker run; 125: the container was never started.)help";

constexpr const char* acquire_help = R"help(Example, for what `gpuctl run` cannot do:
  eval "$(gpuctl acquire --gpus 2 --format env)"
  id=$(eval "docker create $GPUHUB_DOCKER_RUN my/image ./train.sh")
  gpuctl bind "$GPUHUB_LEASE" "$id" && docker start "$id"

A lease that is not bound to a container lapses after some minutes. A container must be bound
before it is started; if that is refused, do not start it. Its GPUs are free when it ends.)help";

class Line {
 public:
  explicit Line(std::vector<std::string> typed) : told_(std::make_shared<Told>()) {
    told_->typed = std::move(typed);
    app_.set_version_flag("--version", "gpuctl " GPUHUB_VERSION);
    app_.add_option("--socket", chosen_.common.socket,
                    "the allocator's; by itself the admin's, else that of this host's people")
        ->envname("GPUHUB_SOCKET");
    app_.add_flag("--json", chosen_.common.json, "print JSON as the API gives it");
    app_.fallthrough();
    app_.require_subcommand(1);
    app_.failure_message([this](const CLI::App*, const CLI::Error& error) {
      const char* what = chosen_.runs ? "gpuctl run [OPTIONS] -- docker run …" : "gpuctl --help";
      return std::format("gpuctl: {}\ntry this: {}\n", error.what(), what);
    });
    add_views();
    add_leases();
    add_admin();
  }

  std::variant<Chosen, int> parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
      if (!told_->typed.empty() && !chosen_.runs) {
        throw CLI::ValidationError("--", "only run takes another command behind it");
      }
      if (chosen_.runs && chosen_.common.json) {
        throw CLI::ValidationError("--json", "run prints what the container prints");
      }
    } catch (const CLI::ParseError& error) {
      return app_.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
    }
    return std::move(chosen_);
  }

 private:
  CLI::App* add(const char* group, const char* name, const char* help, Command command) {
    CLI::App* sub = app_.add_subcommand(name, help)->group(group);
    sub->callback([this, command = std::move(command)] { chosen_.command = command; });
    return sub;
  }

  void add_views() {
    const char* group = "What there is";
    const Shared told = told_;
    add(group, "gpus", "the GPUs, their slots, load, state and holders", gpus);
    add(group, "leases", "the leases that live, and who waits",
        [told](const Common& common) { return leases(common, told->all); })
        ->add_flag("--all", told->all, "ended ones too");
    name_lease(add(group, "lease", "one lease in full", [told](const Common& common) {
      return lease(common, told->lease);
    }));
    add(group, "queue", "who waits: place, estimate, what for", queue);
    add(group, "events", "every change as it happens", events);
    add(group, "status", "is the allocator ready; exit status 0 if so", status);
    add(group, "version", "of this program", version)->preparse_callback([this](std::size_t) {
      chosen_.needs_socket = false;
    });
  }

  void add_leases() {
    const char* group = "GPUs without a hub";
    const Shared told = told_;
    CLI::App* one = add(group, "run", "run -- docker run …: a container with GPUs of its own",
                        [told](const Common& common) {
                          return run(common, told->ask, told->typed);
                        });
    one->preparse_callback([this](std::size_t) { chosen_.runs = true; });
    one->usage("Usage: gpuctl run [OPTIONS] -- docker run [OPTIONS] IMAGE [COMMAND] …");
    one->footer(run_help);
    add_wish(one);
    one = add(group, "acquire", "a lease, for a script that starts the container itself",
              [told](const Common& common) { return acquire(common, told->ask, told->format); });
    one->footer(acquire_help);
    add_wish(one);
    const std::map<std::string, LeaseFormat> formats{
        {"id", LeaseFormat::id}, {"docker", LeaseFormat::docker}, {"env", LeaseFormat::env}};
    one->add_option("--format", told->format,
                    "what is printed: id; docker: arguments for docker create, quoted for a shell; "
                    "env: GPUHUB_LEASE, GPUHUB_GPUS, GPUHUB_DOCKER_RUN")
        ->transform(CLI::Transformer(formats))
        ->type_name("id|docker|env");
    one = add(group, "bind", "names a lease's container, between docker create and docker start",
              [told](const Common& common) {
                return ctl::bind(common, told->lease, told->container);  // not std's
              });
    name_lease(one);
    one->add_option("CONTAINER", told->container, "its name or id")->required();
    name_lease(add(group, "release", "gives a lease back, or leaves the queue",
                   [told](const Common& common) { return release(common, told->lease); }));
  }

  void add_admin() {
    const char* group = "For admins";
    const Shared told = told_;
    name_gpu(add(group, "drain", "no new leases on a GPU; what runs goes on",
                 [told](const Common& common) { return drain(common, told->gpu); }));
    name_gpu(add(group, "undrain", "give it again",
                 [told](const Common& common) { return undrain(common, told->gpu); }));
    name_gpu(add(group, "clear", "a faulty GPU is well again, before its quiet time is over",
                 [told](const Common& common) { return clear(common, told->gpu); }));
    CLI::App* one = add(group, "set", "a GPU's slots, its label, or both",
                        [told](const Common& common) {
                          return set(common, told->gpu, told->slots, told->label);
                        });
    name_gpu(one);
    one->add_option("--slots", told->slots, "leases that may share it")->check(CLI::Range(1, 64));
    one->add_option("--label", told->label, "your own words about it; \"\" takes them away");
  }

  void add_wish(CLI::App* sub) {
    AskOptions& ask = told_->ask;
    sub->add_option("--gpus", ask.gpus, "how many, all, none, or UUIDs by commas")
        ->capture_default_str();
    sub->add_flag("--exclusive", ask.exclusive, "nobody else on them, whatever their slots");
    auto* wait = sub->add_flag("--wait", ask.wait,
                               "wait in the queue if they are not free (it does so by itself); "
                               "--wait=10m: so long at most (s, m, h, d)");
    sub->add_flag("--no-wait", ask.no_wait, "give up at once if they are not free")->excludes(wait);
    sub->add_option("--name", ask.name,
                    "what the lease is called; one at a time for each name. By itself the "
                    "container's --name, else a new one");
    sub->add_option("--user", ask.user, "for whom; by the admin's socket only");
  }

  void name_lease(CLI::App* sub) {
    sub->add_option("LEASE", told_->lease, "the lease's id, L-…")
        ->required()
        ->check([](const std::string& text) {
          return model::LeaseId::parse(text) ? std::string{} : "not a lease's id: L-…";
        });
  }

  void name_gpu(CLI::App* sub) {
    sub->add_option("GPU", told_->gpu, "its UUID or its index")
        ->required()
        ->check([](const std::string& text) {
          return model::GpuId::parse(text) ? std::string{} : "neither a UUID nor an index";
        });
  }

  Shared told_;
  Chosen chosen_;
  CLI::App app_{"gpuctl: what GPUs there are, who holds them, and a lease of your own.", "gpuctl"};
};

}  // namespace

std::variant<Chosen, int> parse_command_line(int argc, const char* const* argv) {
  const auto end = argv + argc;
  const auto dashes = std::find(argv, end, std::string_view{"--"});
  const std::vector<std::string> typed(dashes == end ? end : dashes + 1, end);
  return Line{typed}.parse(static_cast<int>(dashes - argv), argv);
}

}  // namespace gpuhub::ctl
