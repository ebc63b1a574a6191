#include "ctl/allocator.hpp"

#include <boost/json/parse.hpp>
#include <cerrno>
#include <format>

#include "ctl/table.hpp"
#include "http/client.hpp"

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

std::expected<Answer, Failure> get(const std::string& socket, const std::string& target) {
  const auto response = http::call_and_wait(socket, {.method = "GET", .target = target,
                                                     .headers = {}, .body = {}}, {});
  if (!response) {
    return std::unexpected(
        Failure{printable(response.error().message) + "\n" + remedy(response.error())});
  }
  boost::system::error_code error;
  auto body = boost::json::parse(response->body, error);
  if (error) {
    return std::unexpected(Failure{std::format("{} answered {} with what is not JSON", socket,
                                               response->status)});
  }
  return Answer{response->status, std::move(body)};
}

std::expected<boost::json::value, Failure> get_good(const std::string& socket,
                                                    const std::string& target) {
  auto answer = get(socket, target);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return std::move(answer->body);
  return std::unexpected(Failure{printable(std::format(
      "{}: {}", text_at(answer->body, "title"), text_at(answer->body, "detail")))});
}

std::string text_at(const boost::json::value& from, std::string_view key) {
  const auto* object = from.if_object();
  const auto* member = object != nullptr ? object->if_contains(key) : nullptr;
  const auto* text = member != nullptr ? member->if_string() : nullptr;
  return text != nullptr ? std::string{*text} : std::string{};
}

std::int64_t number_at(const boost::json::value& from, std::string_view key) {
  const auto* object = from.if_object();
  const auto* member = object != nullptr ? object->if_contains(key) : nullptr;
  if (member == nullptr) return 0;
  const auto number = member->try_to_number<std::int64_t>();
  return number ? *number : 0;
}

const boost::json::array& array_at(const boost::json::value& from, std::string_view key) {
  static const boost::json::array none;
  const auto* object = from.if_object();
  const auto* member = object != nullptr ? object->if_contains(key) : nullptr;
  const auto* array = member != nullptr ? member->if_array() : nullptr;
  return array != nullptr ? *array : none;
}

}  // namespace gpuhub::ctl
