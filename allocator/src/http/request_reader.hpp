// One request after the other out of bytes as they come, by Beast's parser, straight into a
// Request: nothing is stored twice. For the sources of http/ only; no Beast here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace gpuhub::http {

class RequestReader {
 public:
  enum class Stage : std::uint8_t { nothing, head, body, done, wrong };

  // A head of more than `head_max` or a body of more than `body_max` bytes is wrong.
  RequestReader(std::size_t head_max, std::size_t body_max);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  void start();  // with the next request
  // Takes bytes until the request is done or wrong; what it did not take is to be given again, with
  // more behind it. Gives how many it took.
  std::size_t feed(std::string_view bytes);
  Stage stage() const;

  // Of what is wrong: the answer's status, and words for it.
  int status() const;
  std::string why() const;

  // As far as it was read; false before.
  bool http_1_0() const;
  bool head_only() const;          // the method is HEAD
  bool waits_to_continue() const;  // Expect: 100-continue
  bool keep_alive() const;         // from stage `body` on

  // At `done`, once. Role and peer are the caller's to fill in. nullopt: its target is malformed.
  std::optional<Request> take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuhub::http
