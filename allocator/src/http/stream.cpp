#include "http/stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>
#include <utility>

#include "http/session.hpp"

namespace gpuhub::http {
namespace {

// Buffers for one gather write, less the first `skip` bytes of them.
class Gather {
 public:
  explicit Gather(std::size_t skip) : skip_(skip) {}
  void add(std::string_view text) {
    const std::size_t cut = std::min(skip_, text.size());
    skip_ -= cut;
    text.remove_prefix(cut);
    if (text.empty() || count_ == parts_.size()) return;
    parts_[count_++] = {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  }
  ssize_t send(int fd) {
    msghdr message{};
    message.msg_iov = parts_.data();
    message.msg_iovlen = count_;
    return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

 private:
  std::size_t skip_;
  std::size_t count_ = 0;
  std::array<iovec, 64> parts_{};
};

}  // namespace

void ChunkQueue::put_raw(Chunk text) {
  frame_.size += text->size();
  frame_.texts.push_back(std::move(text));
}

void ChunkQueue::put(Chunk text) {
  gathered_size_ += text->size();
  gathered_.push_back(std::move(text));
}

void ChunkQueue::put_end() { ending_ = true; }

// Makes what was gathered the frame to send. False: there is nothing.
bool ChunkQueue::next_frame() {
  if (frame_.sent < frame_.size) return true;
  frame_.texts.clear();
  frame_.prefix.clear();
  frame_.suffix = {};
  frame_.sent = 0;
  const std::size_t length = std::exchange(gathered_size_, 0);
  frame_.texts.swap(gathered_);
  if (chunked_ && length > 0) {
    frame_.prefix = std::format("{:x}\r\n", length);
    frame_.suffix = "\r\n";
  }
  // An empty chunk is the end of the body, and nothing else is.
  if (std::exchange(ending_, false) && chunked_) {
    frame_.suffix = length > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n";
  }
  frame_.size = frame_.prefix.size() + length + frame_.suffix.size();
  return frame_.size > 0;
}

ChunkQueue::Sent ChunkQueue::send(int fd) {
  while (next_frame()) {
    Gather gather{frame_.sent};
    gather.add(frame_.prefix);
    for (const auto& text : frame_.texts) gather.add(*text);
    gather.add(frame_.suffix);
    const ssize_t sent = gather.send(fd);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Sent::blocked : Sent::broken;
    frame_.sent += static_cast<std::size_t>(sent);
  }
  return Sent::all;
}

Stream::Stream(Session* session, std::weak_ptr<Poller> poller)
    : session_(session), poller_(std::move(poller)) {}

bool Stream::write(Chunk chunk) {
  if (session_ == nullptr) return false;
  if (!chunk->empty()) session_->write_to_stream(std::move(chunk));
  return session_ != nullptr;
}

void Stream::end() {
  tell_ = nullptr;
  if (auto* session = std::exchange(session_, nullptr)) session->end_stream();
}

std::size_t Stream::pending() const {
  return session_ == nullptr ? 0 : session_->stream_pending();
}

void Stream::on_close(std::move_only_function<void()> tell) {
  tell_ = std::move(tell);
  if (session_ == nullptr) tell_soon();
}

void Stream::leave() {
  session_ = nullptr;
  if (tell_) tell_soon();
}

void Stream::tell_soon() {
  const auto poller = poller_.lock();
  if (!poller) return;
  poller->later([self = shared_from_this()] {
    if (auto tell = std::exchange(self->tell_, nullptr)) tell();
  });
}

}  // namespace gpuhub::http
