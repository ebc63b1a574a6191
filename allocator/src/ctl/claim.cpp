#include "ctl/claim.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <format>
#include <random>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/commands.hpp"
#include "ctl/lease_parts.hpp"
#include "ctl/waiting_line.hpp"
#include "ctl/words.hpp"
#include "http/loop.hpp"
#include "model/ids.hpp"

namespace gpuhub::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr seconds ask_patience{30};        // an allocator that starts, or has too much to do
constexpr seconds trouble_patience{300};   // one that is away while its queue keeps our place
constexpr milliseconds pause_first{250}, pause_longest{4'000};
constexpr milliseconds pace{100};          // between two answers, whatever the allocator says
constexpr seconds poll_longest{25};        // below the API's 50
constexpr seconds renew_least{1}, renew_most{30};

std::unexpected<NoLease> none(std::string message) {
  return std::unexpected(NoLease{.message = std::move(message)});
}
std::unexpected<NoLease> stopped(int signal) {
  return std::unexpected(NoLease{.message = "stopped; nothing is asked for any more",
                                 .signal = signal});
}

// Does it help to ask again?
bool may_pass(const Failure& failure, bool sent_before) {
  if (!failure.unheard) {
    return failure.slug == "not-ready" || failure.slug == "too-many-requests" ||
           failure.slug == "timeout";
  }
  return *failure.unheard != http::ClientErrorKind::refused || sent_before;
}

class Claim {
 public:
  Claim(const std::string& socket, const Wish& wish, Signals& signals)
      : socket_(socket), wish_(wish), signals_(signals), begun_(Clock::now()) {}

  std::expected<boost::json::value, NoLease> run() {
    auto lease = ask();
    return lease ? wait(std::move(*lease)) : std::move(lease);
  }

 private:
  using Lease = std::expected<boost::json::value, NoLease>;

  Lease ask();
  Lease wait(boost::json::value lease);
  Lease closed(const boost::json::value& lease) const;
  void renew(boost::json::value& lease);
  // Seconds that the next long poll may take.
  std::int64_t poll_time(const boost::json::value& lease) const;

  struct Heard {
    int signal = 0;
    std::expected<Answer, Failure> answer = Answer{};
  };
  Heard get_patiently(const std::string& id, const boost::json::value& lease);
  std::optional<int> pause();
  bool too_late() const {
    return wish_.wait_max && Clock::now() - begun_ >= *wish_.wait_max;
  }

  const std::string& socket_;
  const Wish& wish_;
  Signals& signals_;
  Clock::time_point begun_;
  Clock::time_point renewed_{};
  Clock::time_point heard_{};              // the last good answer
  milliseconds pause_ = pause_first;
  WaitingLine line_;
};

Claim::Lease Claim::ask() {
  boost::json::object owner{{"server", wish_.server}};
  if (wish_.user) owner["user"] = *wish_.user;
  const boost::json::object body{{"request_id", drawn_name("ctl-", 16)},
                                 {"owner", std::move(owner)},
                                 {"gpus", wish_.gpus},
                                 {"mode", wish_.exclusive ? "exclusive" : "shared"},
                                 {"wait", wish_.wait}};
  for (bool sent_before = false;; sent_before = true) {
    auto answer = call(socket_, "POST", "/v1/leases", body);
    const auto signal = signals_.end_asked();
    if (answer && answer->status >= 200 && answer->status <= 202) {
      const std::string id = text_at(answer->body, "id");
      if (!model::LeaseId::parse(id)) return none(socket_ + " answered with what is no lease");
      if (signal) give_back(socket_, id);
      if (signal) return stopped(*signal);
      renewed_ = heard_ = Clock::now();
      return std::move(answer->body);
    }
    if (signal) return stopped(*signal);
    const Failure failure =
        answer ? problem_words(socket_, "/v1/leases", *answer) : std::move(answer.error());
    const bool again = may_pass(failure, sent_before) && Clock::now() - begun_ < ask_patience;
    if (!again) return none(failure.message);
    line_.say("the allocator is not ready to answer; asking again");
    if (const auto now = pause()) return stopped(*now);
  }
}

// A signal that came meanwhile.
std::optional<int> Claim::pause() {
  const auto signal = signals_.end_asked_within(pause_);
  pause_ = std::min(pause_ * 2, pause_longest);
  return signal;
}

Claim::Lease Claim::wait(boost::json::value lease) {
  const std::string id = text_at(lease, "id");
  const auto leave = [&](std::unexpected<NoLease> why) {
    give_back(socket_, id);
    return why;
  };
  while (text_at(lease, "state") == "queued") {
    line_.show(lease);
    if (too_late()) {
      return leave(none(std::format("no GPU within {}; the request is out of the queue",
                                    duration_words(wish_.wait_max->count()))));
    }
    auto heard = get_patiently(id, lease);
    if (heard.signal != 0) return leave(stopped(heard.signal));
    std::optional<int> signal;
    if (heard.answer && heard.answer->status == 200) {
      lease = std::move(heard.answer->body);
      heard_ = Clock::now();
      pause_ = pause_first;
      renew(lease);
      signal = signals_.end_asked_within(pace);
    } else {
      const Failure failure = heard.answer ? problem_words(socket_, "/v1/leases", *heard.answer)
                                           : std::move(heard.answer.error());
      const bool again = may_pass(failure, true) && Clock::now() - heard_ < trouble_patience;
      if (!again) return leave(none(failure.message));
      line_.say("the allocator does not answer; it keeps the place for some minutes");
      signal = pause();
    }
    if (signal) return leave(stopped(*signal));
  }
  return closed(lease);
}

// What a lease that does not wait (any more) has come to.
Claim::Lease Claim::closed(const boost::json::value& lease) const {
  if (text_at(lease, "state") == "granted") return lease;
  const std::string reason = text_at(lease, "reason");
  if (reason == "expired") return none("the request waited for as long as the admin lets it");
  if (reason == "cancelled") return none("somebody has taken the request out of the queue");
  if (reason == "replaced") {
    return none("a newer request with the same name has taken this one's place\n"
                "try this: another --name for each");
  }
  return none(printable("the request has ended: " + lease_state(lease)));
}

void Claim::renew(boost::json::value& lease) {
  if (text_at(lease, "state") != "queued") return;
  const auto left = time_left(text_at(member_at(lease, "queue"), "renew_by"));
  const milliseconds every = std::clamp<milliseconds>(
      left.value_or(renew_most * 3) / 3, renew_least, renew_most);
  if (Clock::now() - renewed_ < every) return;
  auto answer = call_good(socket_, "POST", "/v1/leases/" + text_at(lease, "id") + "/renew");
  if (!answer) return;  // the next poll tells what is wrong
  renewed_ = Clock::now();
  lease = std::move(*answer);
}

std::int64_t Claim::poll_time(const boost::json::value& lease) const {
  const auto left = time_left(text_at(member_at(lease, "queue"), "renew_by"));
  seconds time = poll_longest;
  if (left) time = std::min(time, std::chrono::floor<seconds>(*left / 3));
  if (wish_.wait_max) {
    time = std::min(time, std::chrono::ceil<seconds>(*wish_.wait_max - (Clock::now() - begun_)));
  }
  return std::max(time, seconds{1}).count();
}

// The lease at its next change, or after a while; early if a signal comes.
Claim::Heard Claim::get_patiently(const std::string& id, const boost::json::value& lease) {
  const std::int64_t wait = poll_time(lease);
  const std::string target = lease_target(id, wait, text_at(lease, "revision"));
  const milliseconds time = seconds{wait} + patience;
  http::Loop loop;
  std::optional<std::expected<http::Response, http::ClientError>> got;
  Heard heard;
  http::Client client{loop, socket_, {.time = time}};
  client.send({.method = "GET", .target = target, .headers = {}, .body = {}},
              [&got](auto answer) { got = std::move(answer); });
  http::Timer look{loop, [&] {
                     heard.signal = signals_.end_asked().value_or(0);
                     look.set(pace);
                   }};
  look.set(pace);
  loop.run_until([&] { return got || heard.signal != 0; }, time + seconds{1});
  if (got) heard.answer = read_answer(socket_, *got);
  return heard;
}

}  // namespace

std::expected<boost::json::value, NoLease> claim(const std::string& socket, const Wish& wish,
                                                 Signals& signals) {
  return Claim{socket, wish, signals}.run();
}

void give_back(const std::string& socket, const std::string& lease) {
  (void)call(socket, "DELETE", "/v1/leases/" + lease);
}

std::optional<boost::json::object> parse_gpus(std::string_view text) {
  if (text == "all") return boost::json::object{{"all", true}};
  if (text == "none") return boost::json::object{{"none", true}};
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (end == text.data() + text.size() && !text.empty()) {
    const bool good = error == std::errc{} && count >= 1;
    return good ? std::optional{boost::json::object{{"count", count}}} : std::nullopt;
  }
  boost::json::array uuids;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    if (!model::GpuId::parse(one)) return std::nullopt;
    uuids.emplace_back(one);
    if (comma == text.npos) return boost::json::object{{"uuids", std::move(uuids)}};
    text.remove_prefix(comma + 1);
  }
}

std::string drawn_name(std::string_view prefix, int bytes) {
  std::random_device chance;
  std::string name{prefix};
  for (int i = 0; i < bytes; ++i) name += std::format("{:02x}", chance() & 0xFFU);
  return name;
}

std::string granted_words(const boost::json::value& lease) {
  std::string words;
  for (const auto& gpu : array_at(lease, "gpus")) {
    words += std::format("{}GPU {} ({})", words.empty() ? "" : ", ", number_at(gpu, "index"),
                         text_at(gpu, "model"));
  }
  return printable(words.empty() ? "no GPU" : words);
}

}  // namespace gpuhub::ctl
