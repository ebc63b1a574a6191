// An answer that goes on: the handler's half of it, as Respond::stream() gives it. Used on the
// loop's thread only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace gpuhub::http {

// One text for many listeners: made once, shared by all, freed when the last one has got it.
using Chunk = std::shared_ptr<const std::string>;

// What EventStream writes to: a session of the server, or a double of a test.
class StreamSink {
 public:
  virtual ~StreamSink() = default;
  virtual bool write(Chunk chunk) = 0;
  virtual void end() = 0;
  virtual bool closed() const = 0;
  virtual std::size_t pending() const = 0;
  virtual void on_close(std::move_only_function<void()> tell) = 0;
};

// The handle. Dropped: it ends as by end(). Default-made: closed.
class EventStream {
 public:
  EventStream() = default;
  explicit EventStream(std::shared_ptr<StreamSink> sink) : sink_(std::move(sink)) {}
  ~EventStream() { end(); }
  EventStream(EventStream&&) = default;
  EventStream& operator=(EventStream&& other) noexcept;

  // Sends the text after all that was written before; never blocks. What is written in one turn of
  // the loop leaves in one system call. False: the stream is closed, or now is because more than
  // Limits::stream_pending_max bytes would wait for this listener.
  bool write(Chunk chunk) { return sink_ && sink_->write(std::move(chunk)); }
  // What was written is still sent, then the body ends in order. Nobody is told.
  void end();
  bool closed() const { return !sink_ || sink_->closed(); }
  // Bytes that wait for this listener to read: to leave out what only the newest of is of interest.
  std::size_t pending() const { return sink_ ? sink_->pending() : 0; }
  // `tell` is called once, never from inside a call: when the client has left, was cut off, or the
  // server stops; soon if that was before. Not after end().
  void on_close(std::move_only_function<void()> tell);

 private:
  std::shared_ptr<StreamSink> sink_;
};

}  // namespace gpuhub::http
