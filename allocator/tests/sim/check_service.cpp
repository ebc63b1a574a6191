// No new lease on a GPU that is out of service: faulty, gone, or drained.
#include <format>

#include "granted.hpp"

namespace gpuhub::sim {
namespace {

class Service final : public Granted {
 public:
  explicit Service(const Truth& watched) : Granted("service", watched, 0) {}

 private:
  void granted(const model::Lease& lease) override {
    for (const auto& gpu : lease.gpus) {
      if (in_service(gpu)) continue;
      fail(std::format("{} was granted {}, which is out of service", lease.id.str(), gpu.str()));
    }
  }
};

}  // namespace

std::unique_ptr<Checker> service_checker(const Truth& truth) {
  return std::make_unique<Service>(truth);
}

}  // namespace gpuhub::sim
