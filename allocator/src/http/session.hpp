// One connection of the server, from accept to close: reads a request, has it answered, again. No
// coroutine and no thread: a state, moved on by what the socket, the handler and the clock say. For
// the sources of http/ only; no Beast here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/phase_limits.hpp"
#include "http/poller.hpp"
#include "http/request_reader.hpp"
#include "http/server_state.hpp"
#include "http/stream.hpp"

namespace gpuhub::http {

class Session final : public Polled, public Limited, public std::enable_shared_from_this<Session> {
 public:
  // Takes over the descriptor. The server must outlive it, or close() it.
  Session(Server::State& server, Door& door, int fd);
  ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void open();                     // from now on it is served, and known to the server
  void ready(std::uint32_t events) override;
  void timed_out(Phase phase) override;
  void finish();                   // closes now if idle, else after the request under way
  void close();                    // now; whoever waits for this client is told

  // For the exchange and the stream.
  void answered(Response response);
  void answer_dropped() noexcept;
  std::shared_ptr<StreamSink> start_stream(Response head);
  void write_to_stream(Chunk chunk);
  void end_stream();
  std::size_t stream_pending() const { return queue_->pending(); }

 private:
  class Exchange;                  // one request and whoever is to answer it
  enum class Doing : std::uint8_t { reading, handling, writing, streaming, draining, closed };
  enum class Then : std::uint8_t { next_request, close, drain };

  // ---- session.cpp: in ----
  void read_on();
  void receive();
  void consume(std::string_view bytes);
  void say_continue();
  void wait_for_more();
  void go_on_later();
  void handle();
  void refuse(int status, std::string_view detail);
  void drain();
  // ---- session_out.cpp: out ----
  Then then_next() const;          // after an answer to the request under way
  void send(Response response, Then then);
  void write(const std::string& head, std::string body, Then then);
  void send_rest();
  void sent();
  void flush_later();
  void flush_stream();
  void want_writable(bool wanted);

  void enter(Phase phase) { server_.phase_limits.begin(place_, phase); }
  Phase phase() const { return server_.phase_limits.phase(place_); }

  Server::State& server_;
  Door& door_;
  const int fd_;
  const Peer peer_;
  PhaseLimits::Place place_;
  RequestReader reader_;
  std::shared_ptr<Exchange> exchange_;
  Doing doing_ = Doing::reading;
  bool readable_ = false;          // there may be more than was read
  bool eof_ahead_ = false;         // the client sends no more
  bool left_ = false;              // it has closed: nobody reads what we send
  bool in_turn_ = false;           // in read_on()
  bool going_on_ = false;          // read_on() will be called
  bool waits_anew_ = true;         // the wait for the next request begins now
  bool continue_said_ = false;     // for this request
  bool writable_wanted_ = false;
  int served_ = 0;                 // requests in this turn
  std::string rest_;               // received, and not yet taken by the reader
  std::string unsent_head_, unsent_body_;
  std::size_t sent_ = 0;           // of both
  Then then_ = Then::next_request;  // after both
  std::size_t drained_ = 0;
  std::optional<ChunkQueue> queue_;  // while streaming
  std::shared_ptr<Stream> stream_;   // null once it has ended
  bool flushing_ = false;            // flush_stream() will be called
  bool stream_ended_ = false;        // its owner writes no more
};

}  // namespace gpuhub::http
