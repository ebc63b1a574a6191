// A session's body that goes on: what listeners' texts become on the wire, how much may wait, and
// who is told when it is over. For the sources of http/ only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/event_stream.hpp"
#include "http/poller.hpp"

namespace gpuhub::http {

// Texts on their way to one socket. Those that wait while others are under way go together: one
// chunk of the body, one system call.
class ChunkQueue {
 public:
  explicit ChunkQueue(bool chunked) : chunked_(chunked) {}

  void put_raw(Chunk text);  // as it is: the answer's head
  void put(Chunk text);      // not empty
  void put_end();
  enum class Sent : std::uint8_t { all, blocked, broken };
  Sent send(int fd);
  std::size_t pending() const { return gathered_size_ + frame_.size - frame_.sent; }  // bytes

 private:
  struct Frame {                // what goes together: prefix, texts, suffix
    std::string prefix;
    std::vector<Chunk> texts;
    std::string_view suffix;
    std::size_t size = 0;       // of all of it
    std::size_t sent = 0;
  };
  bool next_frame();
  Sent send_frame(int fd);

  const bool chunked_;
  bool ending_ = false;
  Frame frame_;
  std::vector<Chunk> gathered_;
  std::size_t gathered_size_ = 0;
};

class Session;

// What EventStream holds. Outlives the session.
class Stream final : public StreamSink, public std::enable_shared_from_this<Stream> {
 public:
  // `session` null: closed from the start. After the poller's end nobody is told any more.
  Stream(Session* session, std::weak_ptr<Poller> poller);

  bool write(Chunk chunk) override;
  void end() override;
  bool closed() const override { return session_ == nullptr; }
  std::size_t pending() const override;
  void on_close(std::move_only_function<void()> tell) override;

  void leave();  // the session takes nothing any more; whoever wants to know is told soon

 private:
  void tell_soon();
  Session* session_;
  std::weak_ptr<Poller> poller_;
  std::move_only_function<void()> tell_;
};

}  // namespace gpuhub::http
