// A list that does not change once it is made; copies share it. For what many leases have alike.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace gpuhub::model {

template <typename T>
class SharedList {
 public:
  SharedList() = default;
  SharedList(std::vector<T> list)  // NOLINT: converts, as the list that it is
      : list_(list.empty() ? nullptr : std::make_shared<const std::vector<T>>(std::move(list))) {}
  SharedList(std::initializer_list<T> list) : SharedList(std::vector<T>(list)) {}

  operator const std::vector<T>&() const {  // NOLINT
    static const std::vector<T> none;
    return list_ ? *list_ : none;
  }
  bool empty() const { return list_ == nullptr; }
  auto begin() const { return all().begin(); }
  auto end() const { return all().end(); }
  std::size_t size() const { return all().size(); }
  const T& operator[](std::size_t at) const { return all()[at]; }
  bool operator==(const SharedList& other) const {
    return list_ == other.list_ || all() == other.all();
  }
  auto operator<=>(const SharedList& other) const { return all() <=> other.all(); }

 private:
  const std::vector<T>& all() const { return *this; }
  std::shared_ptr<const std::vector<T>> list_;  // null: empty
};

}  // namespace gpuhub::model
