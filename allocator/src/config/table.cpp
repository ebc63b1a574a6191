#include "config/table.hpp"

#include <algorithm>
#include <format>

#include "config/nearest.hpp"
#include "config/quantity.hpp"
#include "model/assert.hpp"

namespace gpuhub::config {
namespace {
// "1-4": two whole numbers within 0..most, the first the smaller one.
std::optional<Table::Counts> range_of(std::string_view text, int most) {
  const auto dash = text.find('-');
  if (dash == text.npos) return std::nullopt;
  const auto least = parse_whole(text.substr(0, dash), 0, most);
  const auto last = parse_whole(text.substr(dash + 1), 0, most);
  if (!least || !last || *least >= *last) return std::nullopt;
  return Table::Counts{*least, *last};
}

std::string kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a text";
    case toml::node_type::integer: return "a whole number";
    case toml::node_type::floating_point: return "a number";
    case toml::node_type::boolean: return "true or false";
    default: return "a date or time";
  }
}
std::string in_quotes(std::string_view text) {
  std::size_t end = std::min<std::size_t>(text.size(), 80);
  while (end < text.size() && (text[end] & 0xC0) == 0x80) --end;  // whole characters only
  std::string out = "\"";
  for (const char c : text.substr(0, end)) out += (c >= 0 && c < ' ') || c == 127 ? '?' : c;
  return out + (end < text.size() ? "…\"" : "\"");
}
}  // namespace

std::string shown(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return in_quotes(*text);
  if (const auto number = node.value_exact<std::int64_t>()) return std::format("{}", *number);
  if (const auto number = node.value_exact<double>()) return std::format("{}", *number);
  if (const auto yes = node.value_exact<bool>()) return *yes ? "true" : "false";
  return kind_of(node);
}

Table::Table(Reading& reading, const toml::table* table, std::string path, std::string schema)
    : reading_(reading), table_(table), path_(std::move(path)), schema_(std::move(schema)) {}

std::string Table::joined(std::string_view key) const {
  return path_.empty() ? std::string{key} : path_ + "." + std::string{key};
}

bool Table::has(std::string_view key) const { return table_ != nullptr && table_->contains(key); }

const toml::node* Table::known(std::string_view key) {
  known_.emplace(key);
  reading_.keys.insert(schema_.empty() ? std::string{key} : schema_ + "." + std::string{key});
  return table_ == nullptr ? nullptr : table_->get(key);
}

void Table::wrong(const toml::node& node, std::string key, std::string what, std::string allowed) {
  const toml::source_position at = node.source().begin;
  reading_.faults.push_back({reading_.file, at.line, at.column, std::move(key), std::move(what),
                             std::move(allowed)});
}

void Table::fault(std::string_view key, std::string what, std::string allowed) {
  const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
  if (node == nullptr) node = table_;
  const std::string name = key.empty() ? path_ : joined(key);
  if (node != nullptr) return wrong(*node, name, std::move(what), std::move(allowed));
  reading_.faults.push_back({reading_.file, 1, 1, name, std::move(what), std::move(allowed)});
}

void Table::required(std::string_view key, std::string allowed) {
  if (!has(key)) fault(key, "missing", std::move(allowed));
}

std::optional<std::string> Table::text_of(const toml::node& node, const std::string& key,
                                          const TextRule& rule) {
  const auto text = node.value_exact<std::string>();
  if (!text) {
    wrong(node, key, shown(node) + " is not a text in quotes", std::string{rule.allowed});
    return std::nullopt;
  }
  if (rule.good(*text)) return text;
  wrong(node, key, in_quotes(*text) + " is not allowed", std::string{rule.allowed});
  return std::nullopt;
}

std::optional<std::string> Table::text(std::string_view key, const TextRule& rule) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  return text_of(*node, joined(key), rule);
}

template <typename T, typename Read>
std::optional<std::vector<T>> Table::elements(std::string_view key, std::string_view allowed,
                                              Read read) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    wrong(*node, joined(key), shown(*node) + " is not an array",
          std::format("an array, of each: {}", allowed));
    return std::nullopt;
  }
  std::vector<T> out;
  bool good = true;
  for (std::size_t i = 0; i < array->size(); ++i) {
    std::optional<T> one = read(*array->get(i), std::format("{}[{}]", joined(key), i));
    good = good && one.has_value();
    if (one) out.push_back(std::move(*one));
  }
  if (!good) return std::nullopt;
  return out;
}

std::optional<std::vector<std::string>> Table::texts(std::string_view key, const TextRule& rule) {
  return elements<std::string>(key, rule.allowed,
                               [&](const toml::node& node, const std::string& at) {
                                 return text_of(node, at, rule);
                               });
}

std::optional<std::vector<int>> Table::integers(std::string_view key, int least, int most) {
  return elements<int>(key, std::format("{} to {}", least, most),
                       [&](const toml::node& node, const std::string& at) {
                         return integer_of(node, at, least, most);
                       });
}

std::optional<int> Table::integer(std::string_view key, int least, int most) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  return integer_of(*node, joined(key), least, most);
}

std::optional<int> Table::integer_of(const toml::node& node, const std::string& key, int least,
                                     int most) {
  const auto number = node.value_exact<std::int64_t>();
  if (number && *number >= least && *number <= most) return static_cast<int>(*number);
  wrong(node, key, shown(node) + (number ? " is out of range" : " is not a whole number"),
        std::format("{} to {}", least, most));
  return std::nullopt;
}

std::optional<double> Table::number(std::string_view key, double least, double most) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  std::optional<double> number = node->value_exact<double>();
  if (const auto whole = node->value_exact<std::int64_t>()) number = static_cast<double>(*whole);
  if (number && *number >= least && *number <= most) return number;  // NaN compares false
  wrong(*node, joined(key), shown(*node) + (number ? " is out of range" : " is not a number"),
        std::format("{} to {}", least, most));
  return std::nullopt;
}

std::optional<bool> Table::boolean(std::string_view key) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  const auto yes = node->value_exact<bool>();
  if (!yes) wrong(*node, joined(key), shown(*node) + " is not allowed", "true, false");
  return yes;
}

std::optional<model::Duration> Table::duration(std::string_view key, std::string_view least,
                                               std::string_view most) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  const auto text = node->value_exact<std::string>();
  const auto time = text ? parse_duration(*text) : std::nullopt;
  if (time && *time >= parse_duration(least) && *time <= parse_duration(most)) return time;
  wrong(*node, joined(key), shown(*node) + (time ? " is out of range" : " is not a duration"),
        std::format(R"("{}" to "{}", written like "90s", "3m" or "2h")", least, most));
  return std::nullopt;
}

std::optional<std::int64_t> Table::size(std::string_view key, std::string_view least) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  const auto text = node->value_exact<std::string>();
  const auto bytes = text ? parse_size(*text) : std::nullopt;
  if (bytes && *bytes >= parse_size(least)) return bytes;
  wrong(*node, joined(key), shown(*node) + (bytes ? " is too small" : " is not a size"),
        std::format(R"("{}" and more, written like "512MiB" or "8GiB")", least));
  return std::nullopt;
}

std::optional<Table::Counts> Table::counts_or_all(std::string_view key, int most) {
  const toml::node* node = known(key);
  if (node == nullptr) return std::nullopt;
  const auto number = node->value_exact<std::int64_t>();
  if (number && *number >= 0 && *number <= most) {
    return Counts{static_cast<int>(*number), static_cast<int>(*number)};
  }
  const auto text = node->value_exact<std::string>();
  if (text == "all") return Counts{-1, -1};
  if (const auto range = text ? range_of(*text, most) : std::nullopt) return range;
  wrong(*node, joined(key), shown(*node) + " is not allowed",
        std::format("0 to {}, \"all\", or a range such as \"1-4\"", most));
  return std::nullopt;
}

Table Table::table(std::string_view key) {
  const toml::node* node = known(key);
  const toml::table* inner = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && inner == nullptr) {
    wrong(*node, joined(key), shown(*node) + " is not a table", std::format("[{}]", joined(key)));
  }
  return Table{reading_, inner, joined(key),
               schema_.empty() ? std::string{key} : schema_ + "." + std::string{key}};
}

void Table::tables(std::string_view key, const std::function<void(Table&)>& each) {
  const toml::node* node = known(key);
  const std::string schema = schema_.empty() ? std::string{key} : schema_ + "." + std::string{key};
  if (reading_.only_keys) {
    Table none{reading_, nullptr, joined(key), schema};
    return each(none);
  }
  if (node == nullptr) return;
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    // An empty array means none, in whatever way it is written.
    if (array != nullptr && array->empty()) return;
    return wrong(*node, joined(key), shown(*node) + " is not an array of tables",
                 std::format("[[{}]]", joined(key)));
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    Table one{reading_, array->get(i)->as_table(), std::format("{}[{}]", joined(key), i), schema};
    each(one);
    one.finish();
  }
}

void Table::finish() {
  if (table_ == nullptr) return;
  for (const auto& [key, node] : *table_) {
    if (known_.contains(std::string{key.str()})) continue;
    const auto meant = nearest(key.str(), known_);
    std::string allowed;
    for (const std::string& name : known_) allowed += (allowed.empty() ? "" : ", ") + name;
    const toml::source_position at = key.source().begin;
    reading_.faults.push_back(
        {reading_.file, at.line, at.column, joined(key.str()),
         meant ? std::format("unknown key; did you mean \"{}\"?", *meant) : "unknown key",
         std::move(allowed)});
  }
}

}  // namespace gpuhub::config
