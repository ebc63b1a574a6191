#include "runtime/docker_engine.hpp"

#include <algorithm>
#include <cerrno>
#include <format>
#include <optional>
#include <utility>

#include "http/client.hpp"
#include "model/assert.hpp"
#include "runtime/docker_json.hpp"

namespace gpuhub::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// {"label":["gpuhub.lease"]}
constexpr const char* ours_target =
    "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22gpuhub.lease%22%5D%7D";
constexpr const char* running_target = "/containers/json";  // paused and restarting ones, too
// {"type":["container"],"event":["create","start","die","stop","oom","destroy","pause","unpause",
//  "rename"]}: named, because health checks and `exec` make events all the time. `stop`: it is the
// only event of a container that waits for its restart and is stopped.
constexpr const char* events_filters =
    "%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C%22die"
    "%22%2C%22stop%22%2C%22oom%22%2C%22destroy%22%2C%22pause%22%2C%22unpause%22%2C%22rename%22%5D"
    "%7D";
constexpr std::size_t answer_max = 32 * 1024 * 1024;
constexpr std::size_t event_max = 8 * 1024 * 1024;  // it carries all labels of its container
constexpr std::size_t stops_max = 64;           // at once; they take as long as containers do
constexpr milliseconds stop_slack{20'000};      // above the grace, for the engine's own work

bool holds(const Container& container) {
  using enum ContainerState;
  return container.state == running || container.state == paused || container.state == restarting;
}

Error error_of(http::ClientError why) {
  const bool answered = why.kind == http::ClientErrorKind::too_large;
  return {.kind = answered ? ErrorKind::failed : ErrorKind::unreachable,
          .message = std::move(why.message)};
}

// "gone" is only what the engine says in so many words: a 404 for an unknown API path is not.
bool says_no_such_container(std::string_view body) {
  std::string message = read_error_message(body);
  std::ranges::transform(message, message.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return message.contains("no such container");
}

Error error_of(const http::Response& answer) {
  const bool gone = answer.status == 404 && says_no_such_container(answer.body);
  return {.kind = gone ? ErrorKind::not_found : ErrorKind::failed,
          .message = "the engine answered " + std::to_string(answer.status) + ": " +
                     read_error_message(answer.body)};
}

// Seconds with fraction, as /events wants them.
std::string wall_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<milliseconds>(now).count();
  std::string fraction = std::to_string(ms % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return std::to_string(ms / 1000) + "." + fraction + "000000";
}

}  // namespace

struct DockerEngine::State {
  State(http::Loop& loop, DockerSettings with, std::function<void(std::string)> stale,
        std::function<void(std::string)> note_to)
      : settings(std::move(with)),
        on_stale(std::move(stale)),
        note(std::move(note_to)),
        calls(loop, settings.socket, {.time = settings.call_time, .body_max = answer_max}),
        stops(loop, settings.socket,
              {.time = settings.call_time, .body_max = answer_max, .parallel_max = stops_max}),
        events(loop, settings.socket, {.time = settings.call_time, .line_max = event_max}),
        retry(loop, [this] { connect(); }) {}

  // Answers of any status, by way of the API version, which is asked for first if not known.
  using Answered = std::move_only_function<void(std::expected<http::Response, Error>)>;
  void call(http::Client& by, http::Call what, milliseconds time, Answered done) {
    with_api([this, &by, what = std::move(what), time,
              done = std::move(done)](std::expected<std::string, Error> prefix) mutable {
      if (!prefix) return done(std::unexpected(std::move(prefix.error())));
      what.target.insert(0, *prefix);
      by.send(
          std::move(what),
          [this, done = std::move(done)](auto answer) mutable {
            if (!answer) {
              api.reset();  // another engine may answer next time
              return done(std::unexpected(error_of(std::move(answer.error()))));
            }
            done(std::move(*answer));
          },
          time);
    });
  }
  // "/v1.41"
  void with_api(std::move_only_function<void(std::expected<std::string, Error>)> go) {
    if (api) return go("/v" + *api);
    calls.send({.method = "GET", .target = "/version", .headers = {}, .body = {}},
               [this, go = std::move(go)](auto answer) mutable {
                 if (!answer) return go(std::unexpected(error_of(std::move(answer.error()))));
                 if (answer->status != 200) return go(std::unexpected(error_of(*answer)));
                 auto version = read_version(answer->body);
                 if (!version) {
                   return go(std::unexpected(Error{ErrorKind::failed, version.error()}));
                 }
                 api = std::move(version->api);
                 go("/v" + *api);
               });
  }
  // A GET whose 200 is read by `read`.
  template <typename T>
  void get(std::string target, Read<T> (*read)(std::string_view), Done<T> done) {
    call(calls, {.method = "GET", .target = std::move(target), .headers = {}, .body = {}}, {},
         [read, done = std::move(done)](std::expected<http::Response, Error> answer) mutable {
           if (!answer) return done(std::unexpected(std::move(answer.error())));
           if (answer->status != 200) return done(std::unexpected(error_of(*answer)));
           auto value = read(answer->body);
           if (!value) return done(std::unexpected(Error{ErrorKind::failed, value.error()}));
           done(std::move(*value));
         });
  }
  // Changes a container of ours if `guard` (a reason against it, or empty) lets it.
  void change(const model::ContainerId& id, std::string (*guard)(const Container&),
              http::Client& by, http::Call what, milliseconds time, Done<std::monostate> done);

  void connect();
  void opened();
  void line(std::string_view text);
  void ended(const http::ClientError& why);
  void try_again(std::string why, int error_number);

  DockerSettings settings;
  std::function<void(std::string)> on_stale;
  std::function<void(std::string)> note;
  std::move_only_function<void(Signal)> on_signal;
  std::optional<std::string> api;
  bool connected = false;
  bool told_disconnected = false;
  milliseconds pause{0};                             // before the next try
  std::optional<steady_clock::time_point> refused_since;
  http::Client calls, stops, events;                 // last: they go first, and call back no more
  http::Timer retry;
};

void DockerEngine::State::change(const model::ContainerId& id,
                                 std::string (*guard)(const Container&), http::Client& by,
                                 http::Call what, milliseconds time, Done<std::monostate> done) {
  get<Container>(
      std::format("/containers/{}/json", id.str()), &read_container,
      [this, guard, &by, id, what = std::move(what), time,
       done = std::move(done)](std::expected<Container, Error> container) mutable {
        if (!container) return done(std::unexpected(std::move(container.error())));
        std::string against = guard(*container);
        if (container->id != id) against = "the engine answered for another container";
        if (!against.empty()) {
          return done(std::unexpected(Error{ErrorKind::failed, std::move(against)}));
        }
        call(by, std::move(what), time, [done = std::move(done)](auto answer) mutable {
          if (!answer) return done(std::unexpected(std::move(answer.error())));
          if (answer->status != 204 && answer->status != 304) {
            return done(std::unexpected(error_of(*answer)));
          }
          done(std::monostate{});
        });
      });
}

void DockerEngine::State::connect() {
  with_api([this](std::expected<std::string, Error> prefix) {
    // Also when it failed: the stream's own error tells more (the error number).
    // The engine answers 200 a little before it subscribes. `since` closes that gap.
    const std::string target = prefix.value_or("") + "/events?since=" + wall_now() +
                               "&filters=" + events_filters;
    if (!prefix && prefix.error().kind == ErrorKind::failed) {
      return try_again(prefix.error().message, 0);
    }
    events.stream(target, {.opened = [this] { opened(); },
                           .line = [this](std::string_view text) { line(text); },
                           .ended = [this](const http::ClientError& why) { ended(why); }});
  });
}

void DockerEngine::State::opened() {
  connected = true;
  told_disconnected = false;
  refused_since.reset();
  on_signal(Connected{});
}

void DockerEngine::State::line(std::string_view text) {
  auto event = read_event(text);
  if (event) {
    pause = milliseconds{0};  // it does work: be quick next time
    on_signal(std::move(*event));
  } else {
    note("an event of the engine was left out: " + event.error());
  }
}

void DockerEngine::State::ended(const http::ClientError& why) {
  connected = false;
  api.reset();
  try_again(why.message, why.kind == http::ClientErrorKind::refused ? why.error_number : 0);
}

void DockerEngine::State::try_again(std::string why, int error_number) {
  if (error_number != ECONNREFUSED && error_number != ENOENT) {
    refused_since.reset();
  } else if (!refused_since) {
    refused_since = steady_clock::now();
  } else if (on_stale && steady_clock::now() - *refused_since >= settings.stale_after) {
    std::exchange(on_stale, nullptr)(why);
  }
  pause = std::clamp(pause * 2, settings.reconnect_first, settings.reconnect_max);
  retry.set(pause);
  if (!std::exchange(told_disconnected, true)) on_signal(Disconnected{std::move(why)});
}

DockerEngine::DockerEngine(http::Loop& loop, DockerSettings settings,
                           std::function<void(std::string)> on_stale,
                           std::function<void(std::string)> note)
    : state_(std::make_unique<State>(loop, std::move(settings), std::move(on_stale),
                                     std::move(note))) {
  GPUHUB_ASSERT(state_->note);
}

DockerEngine::~DockerEngine() = default;

// Two questions: the engine cannot be asked for "ours, or running", and the answer about all
// containers grows with each dead one that nobody has removed (0.7 KB each), up to being too large.
// Labels do not change, so each container is in exactly one of the answers that count.
void DockerEngine::list(Done<std::vector<Container>> done) {
  using Containers = std::vector<Container>;
  const auto ask = [state = state_.get()](const char* target, Done<Containers> then) {
    state->get<Containers>(target, &read_container_list, std::move(then));
  };
  ask(ours_target, [ask, done = std::move(done)](std::expected<Containers, Error> ours) mutable {
    if (!ours) return done(std::move(ours));
    std::erase_if(*ours, [](const Container& container) { return !container.labelled(); });
    ask(running_target, [ours = *std::move(ours), done = std::move(done)](
                            std::expected<Containers, Error> running) mutable {
      if (!running) return done(std::move(running));
      for (Container& container : *running) {
        if (!container.labelled() && holds(container)) ours.push_back(std::move(container));
      }
      done(std::move(ours));
    });
  });
}

void DockerEngine::inspect(const model::ContainerId& id, Done<Container> done) {
  state_->get<Container>(std::format("/containers/{}/json", id.str()), &read_container,
                         std::move(done));
}

void DockerEngine::remove_created(const model::ContainerId& id, Done<std::monostate> done) {
  const auto guard = [](const Container& container) -> std::string {
    if (!container.labelled()) return "the container is not ours";
    if (container.state != ContainerState::created) return "the container was started";
    return {};
  };
  state_->change(id, guard, state_->calls,
                 {.method = "DELETE", .target = std::format("/containers/{}?v=1", id.str()),
                  .headers = {}, .body = {}},
                 {}, std::move(done));
}

void DockerEngine::stop(const model::ContainerId& id, std::chrono::seconds grace,
                        Done<std::monostate> done) {
  const auto guard = [](const Container& container) -> std::string {
    return container.labelled() ? "" : "the container is not ours";
  };
  state_->change(id, guard, state_->stops,
                 {.method = "POST",
                  .target = std::format("/containers/{}/stop?t={}", id.str(), grace.count()),
                  .headers = {},
                  .body = {}},
                 grace + stop_slack, std::move(done));
}

void DockerEngine::capabilities(Done<Capabilities> done) {
  state_->get<Capabilities>("/info", &read_capabilities, std::move(done));
}

void DockerEngine::watch(std::move_only_function<void(Signal)> on_signal) {
  GPUHUB_ASSERT(on_signal && !state_->on_signal);
  state_->on_signal = std::move(on_signal);
  state_->retry.set(milliseconds{0});
}

}  // namespace gpuhub::runtime
