#include "config/places.hpp"

namespace gpuhub::config {

std::vector<model::DeviceNode> device_nodes(const std::vector<std::string>& texts) {
  std::vector<model::DeviceNode> nodes;
  for (const std::string& text : texts) {
    const auto colon = text.find(':');
    nodes.push_back({text.substr(0, colon), colon == text.npos ? text : text.substr(colon + 1)});
  }
  return nodes;
}

std::vector<model::BindMount> bind_mounts(const std::vector<std::string>& texts) {
  std::vector<model::BindMount> mounts;
  for (const std::string& text : texts) {
    const auto first = text.find(':');
    const auto second = text.find(':', first + 1);
    mounts.push_back({text.substr(0, first), text.substr(first + 1, second - first - 1),
                      !text.ends_with(":rw")});
  }
  return mounts;
}

}  // namespace gpuhub::config
