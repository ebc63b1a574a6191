#include "ctl/allocator.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <format>
#include <print>

#include "ctl/characters.hpp"
#include "http/client.hpp"

namespace gpuhub::ctl {
namespace {

constexpr std::chrono::seconds patience{10};

std::string remedy(const http::ClientError& error) {
  if (error.error_number == EACCES) return "try this: as root, or ./gpuhub ctl …";
  if (error.kind == http::ClientErrorKind::refused) {
    return "try this: ./gpuhub status shows whether the allocator runs; --socket names another one";
  }
  return "try this: ./gpuhub logs allocator";
}

}  // namespace

std::expected<Answer, Failure> get(const std::string& socket, const std::string& target) {
  const auto response = http::call_and_wait(
      socket, {.method = "GET", .target = target, .headers = {}, .body = {}}, {.time = patience});
  if (!response) {
    return std::unexpected(
        Failure{printable(response.error().message) + "\n" + remedy(response.error())});
  }
  boost::system::error_code error;
  auto body = boost::json::parse(response->body, error);
  if (error) {
    return std::unexpected(Failure{printable(std::format(
        "{} answered {} with what is not JSON", socket, response->status))});
  }
  return Answer{response->status, std::move(body)};
}

std::expected<boost::json::value, Failure> get_good(const std::string& socket,
                                                    const std::string& target) {
  auto answer = get(socket, target);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return std::move(answer->body);
  const std::string title = text_at(answer->body, "title");
  if (title.empty()) {
    return std::unexpected(
        Failure{printable(std::format("{} answered {} to {}", socket, answer->status, target))});
  }
  return std::unexpected(
      Failure{printable(std::format("{}: {}", title, text_at(answer->body, "detail")))});
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
