// A short text that does not change once it is made, with its hash; copies share it. One block of
// memory for all of it: a busy daemon makes three for each lease, and keeps those of its history.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <string_view>
#include <utility>

namespace gpuhub::model {

class SharedName {
 public:
  // `text`: less than 4 GiB.
  explicit SharedName(std::string_view text)
      : block_(new(::operator new(sizeof(Block) + text.size())) Block{
            .owners = 1,
            .size = static_cast<std::uint32_t>(text.size()),
            .hash = std::hash<std::string_view>{}(text)}) {
    text.copy(reinterpret_cast<char*>(block_ + 1), text.size());
  }
  SharedName(const SharedName& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  SharedName(SharedName&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedName& operator=(SharedName other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedName() {
    if (block_ == nullptr) return;
    // As std::shared_ptr: whoever lets go last has seen what the others did.
    if (block_->owners.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    block_->~Block();
    ::operator delete(block_);
  }

  // Of one that was not moved from. The text lives as long as any copy.
  std::string_view text() const {
    return {reinterpret_cast<const char*>(block_ + 1), block_->size};
  }
  std::size_t hash() const { return block_->hash; }
  bool operator==(const SharedName& other) const {
    return block_ == other.block_ || (hash() == other.hash() && text() == other.text());
  }

 private:
  struct Block {  // the text's bytes come behind it
    std::atomic<std::uint32_t> owners;
    std::uint32_t size;
    std::size_t hash;
  };
  Block* block_;  // null: moved from
};

}  // namespace gpuhub::model
