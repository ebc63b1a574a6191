#include "ctl/waiting_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <format>
#include <print>
#include <set>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/words.hpp"

namespace gpuhub::ctl {
namespace {

constexpr std::size_t names_max = 3;      // of holders in the line
constexpr std::size_t width_usual = 80;

std::size_t width_of_terminal() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : width_usual;
}

// As much of printable `text` as `columns_max` columns hold.
std::string cut(std::string text, std::size_t columns_max) {
  while (columns(text) > columns_max) {
    do {  // a whole character: its first byte goes last
      const bool continues = (static_cast<unsigned char>(text.back()) & 0xC0U) == 0x80U;
      text.pop_back();
      if (!continues) break;
    } while (!text.empty());
  }
  return text;
}

// ", held by ana, bo/train and 2 more"
std::string holders(const boost::json::value& queue) {
  std::set<std::string> names;
  for (const auto& holder : array_at(queue, "holders")) {
    const std::string server = text_at(holder, "server");
    names.insert(text_at(holder, "user") + (server.empty() ? "" : "/" + server));
  }
  std::string words;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown == names_max) break;
    words += (shown++ == 0 ? ", held by " : ", ") + name;
  }
  const auto more = static_cast<std::int64_t>(names.size() - shown) + number_at(queue, "hidden");
  if (more > 0 && shown > 0) words += std::format(" and {} more", more);
  return words;
}

}  // namespace

WaitingLine::WaitingLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

WaitingLine::~WaitingLine() {
  if (terminal_ && !shown_.empty()) std::print(stderr, "\r\033[K");
}

void WaitingLine::show(const boost::json::value& lease) {
  const auto& queue = member_at(lease, "queue");
  std::string words = std::format("waiting for {}: {}", wants_words(member_at(lease, "wants")),
                                  queue_words(queue));
  if (terminal_) words += holders(queue) + " (Ctrl-C gives up)";
  write(std::move(words),
        std::format("{}/{}", number_at(queue, "position"), number_at(queue, "of")));
}

void WaitingLine::say(const std::string& words) { write(words, words); }

void WaitingLine::write(std::string words, const std::string& subject) {
  words = printable("gpuctl: " + words);
  if (terminal_) words = cut(std::move(words), width_of_terminal() - 1);
  const std::string& now = terminal_ ? words : subject;
  if (now == shown_) return;
  if (terminal_) {
    std::print(stderr, "\r\033[K{}", words);
  } else {
    std::println(stderr, "{}", words);
  }
  shown_ = now;
}

}  // namespace gpuhub::ctl
