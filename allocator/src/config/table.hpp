// Reads one TOML table strictly: each getter checks type and range, notes what is wrong with its
// place, and remembers the key as known; finish() then notes every key that nobody asked for.
// For the sources of config/ only (it brings toml++).
#pragma once

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.hpp>

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/read.hpp"

namespace gpuhub::config {

// What one reading of a file gathers.
struct Reading {
  std::string file;
  std::vector<Fault> faults;
  std::set<std::string> keys;  // known, without array positions
  bool only_keys = false;      // all_keys(): every kind of table is visited once, empty
};

struct TextRule {
  bool (*good)(std::string_view);
  std::string_view allowed;
};

class Table {
 public:
  // `table` null: absent. `path` as in Fault::key, `schema` the same without positions.
  Table(Reading& reading, const toml::table* table, std::string path, std::string schema);

  bool has(std::string_view key) const;
  const std::string& path() const { return path_; }

  // nullopt: absent, or wrong (then noted).
  std::optional<std::string> text(std::string_view key, const TextRule& rule);
  std::optional<std::vector<std::string>> texts(std::string_view key, const TextRule& rule);
  std::optional<int> integer(std::string_view key, int least, int most);
  std::optional<std::vector<int>> integers(std::string_view key, int least, int most);
  std::optional<double> number(std::string_view key, double least, double most);
  std::optional<bool> boolean(std::string_view key);
  std::optional<model::Duration> duration(std::string_view key, std::string_view least,
                                          std::string_view most);
  std::optional<std::int64_t> size(std::string_view key, std::string_view least);
  template <typename E>
  std::optional<E> choice(std::string_view key,
                          std::span<const std::pair<std::string_view, E>> names);
  // A whole number in 0..most, the word "all" (given as -1 to -1), or a range such as "1-4".
  struct Counts {
    int least;
    int most;
  };
  std::optional<Counts> counts_or_all(std::string_view key, int most);

  Table table(std::string_view key);
  // Calls `each` for every table of the array `key`.
  void tables(std::string_view key, const std::function<void(Table&)>& each);

  // Notes that `key` (the table itself if it is absent) is wrong.
  void fault(std::string_view key, std::string what, std::string allowed = {});
  void required(std::string_view key, std::string allowed);
  void finish();

 private:
  const toml::node* known(std::string_view key);  // null: absent
  void wrong(const toml::node& node, std::string key, std::string what, std::string allowed);
  // The elements of an array, each by `read`; nullopt: absent, or one of them is wrong.
  template <typename T, typename Read>
  std::optional<std::vector<T>> elements(std::string_view key, std::string_view allowed, Read read);
  std::optional<int> integer_of(const toml::node& node, const std::string& key, int least,
                                int most);
  std::optional<std::string> text_of(const toml::node& node, const std::string& key,
                                     const TextRule& rule);
  std::string joined(std::string_view key) const;

  Reading& reading_;
  const toml::table* table_;
  std::string path_;
  std::string schema_;
  std::set<std::string> known_;
};

// How a value is shown in a fault: `"text"`, `12`, `a table`.
std::string shown(const toml::node& node);

template <typename E>
std::optional<E> Table::choice(std::string_view key,
                               std::span<const std::pair<std::string_view, E>> names) {
  std::string allowed;
  for (const auto& [name, value] : names) {
    allowed += (allowed.empty() ? "\"" : ", \"") + std::string{name} + "\"";
  }
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  const auto word = node->value_exact<std::string>();
  for (const auto& [name, value] : names) {
    if (word && *word == name) return value;
  }
  wrong(*node, joined(key), shown(*node) + " is not known here", allowed);
  return std::nullopt;
}

}  // namespace gpuhub::config
