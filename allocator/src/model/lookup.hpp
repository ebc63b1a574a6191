// What a key stands for, found by hashing, in a table without nodes. Only looked up, never gone
// through: the order in which a hash table holds its keys must not become part of any answer.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <utility>

namespace gpuhub::model {

template <typename Key, typename Value>
class Lookup {
 public:
  // Null: not there. Valid until the next change.
  const Value* find(const Key& key) const {
    const auto at = entries_.find(key);
    return at == entries_.end() ? nullptr : &at->second;
  }
  Value* find(const Key& key) {
    const auto at = entries_.find(key);
    return at == entries_.end() ? nullptr : &at->second;
  }
  // The value that is there now, and whether it is this one.
  std::pair<Value&, bool> try_emplace(const Key& key, Value value) {
    const auto [at, fresh] = entries_.try_emplace(key, std::move(value));
    return {at->second, fresh};
  }
  Value& operator[](const Key& key) { return entries_[key]; }  // valid until the next change
  void set(const Key& key, Value value) { entries_.insert_or_assign(key, std::move(value)); }
  bool erase(const Key& key) { return entries_.erase(key) > 0; }
  void clear() { entries_.clear(); }

 private:
  boost::unordered_flat_map<Key, Value, std::hash<Key>> entries_;
};

}  // namespace gpuhub::model
