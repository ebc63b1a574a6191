#include "ctl/allocator.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <format>
#include <print>

#include "ctl/characters.hpp"
#include "ctl/problems.hpp"

namespace gpuhub::ctl {
namespace {

std::string remedy(const http::ClientError& error) {
  if (error.error_number == EACCES) return "try this: as root, or ./gpuhub ctl …";
  if (error.kind == http::ClientErrorKind::refused) {
    return "try this: ./gpuhub status shows whether the allocator runs; --socket names another one";
  }
  return "try this: ./gpuhub logs allocator";
}

}  // namespace

std::expected<Answer, Failure> read_answer(
    const std::string& socket, const std::expected<http::Response, http::ClientError>& response) {
  if (!response) {
    return std::unexpected(
        Failure{.message = printable(response.error().message) + "\n" + remedy(response.error()),
                .unheard = response.error().kind});
  }
  boost::system::error_code error;
  auto body = boost::json::parse(response->body, error);
  if (error) {
    return std::unexpected(Failure{.message = printable(std::format(
                                       "{} answered {} with what is not JSON", socket,
                                       response->status))});
  }
  return Answer{response->status, std::move(body)};
}

std::expected<Answer, Failure> call(const std::string& socket, const std::string& method,
                                    const std::string& target, const boost::json::value& body,
                                    std::chrono::milliseconds time) {
  http::Call sent{.method = method, .target = target, .headers = {}, .body = {}};
  if (!body.is_null()) sent.body = boost::json::serialize(body);
  return read_answer(socket, http::call_and_wait(socket, std::move(sent), {.time = time}));
}

std::expected<boost::json::value, Failure> call_good(const std::string& socket,
                                                     const std::string& method,
                                                     const std::string& target,
                                                     const boost::json::value& body) {
  auto answer = call(socket, method, target, body);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (answer->status >= 200 && answer->status <= 202) return std::move(answer->body);
  return std::unexpected(problem_words(socket, target, *answer));
}

std::expected<Answer, Failure> get(const std::string& socket, const std::string& target) {
  return call(socket, "GET", target);
}

std::expected<boost::json::value, Failure> get_good(const std::string& socket,
                                                    const std::string& target) {
  return call_good(socket, "GET", target);
}

Failure problem_words(const std::string& socket, const std::string& target, const Answer& answer) {
  const std::string title = text_at(answer.body, "title");
  if (title.empty()) {
    return {.message =
                printable(std::format("{} answered {} to {}", socket, answer.status, target))};
  }
  const std::string slug = slug_of(answer.body);
  std::string message = printable(std::format("{}: {}", title, text_at(answer.body, "detail")));
  for (const std::string& line : problem_details(answer.body)) message += "\n" + printable(line);
  if (const auto what = problem_remedy(slug, answer.body); !what.empty()) {
    message += "\ntry this: " + printable(what);
  }
  return {.message = std::move(message), .slug = slug};
}

const boost::json::value& member_at(const boost::json::value& from, std::string_view key) {
  static const boost::json::value null;
  const auto* object = from.if_object();
  const auto* member = object != nullptr ? object->if_contains(key) : nullptr;
  return member != nullptr ? *member : null;
}

std::string text_at(const boost::json::value& from, std::string_view key) {
  const auto* text = member_at(from, key).if_string();
  return text != nullptr ? std::string{*text} : std::string{};
}

std::int64_t number_at(const boost::json::value& from, std::string_view key) {
  const auto number = member_at(from, key).try_to_number<std::int64_t>();
  return number ? *number : 0;
}

bool truth_at(const boost::json::value& from, std::string_view key) {
  const auto* truth = member_at(from, key).if_bool();
  return truth != nullptr && *truth;
}

const boost::json::array& array_at(const boost::json::value& from, std::string_view key) {
  static const boost::json::array none;
  const auto* array = member_at(from, key).if_array();
  return array != nullptr ? *array : none;
}

std::string person(const boost::json::value& owner) {
  if (!owner.is_object()) return "(not shown)";
  const std::string hub = text_at(owner, "hub");
  const std::string server = text_at(owner, "server");
  const std::string name = text_at(owner, "user") + (server.empty() ? "" : "/" + server);
  return hub.empty() || hub == "hub" ? name : hub + ":" + name;
}

void print_json(const boost::json::value& body) {
  std::println("{}", printable_json(boost::json::serialize(body)));
}

}  // namespace gpuhub::ctl
