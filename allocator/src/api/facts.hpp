// What the API is told beside the service: how it is set, and what the daemon sees of the machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "config/config.hpp"
#include "inject/inject.hpp"
#include "model/gpu.hpp"
#include "usage/books.hpp"

namespace gpuhub::api {

struct Settings {
  std::string host;
  // The name of the account with this uid, for who comes by the socket for people of this host.
  std::function<std::string(std::uint32_t)> account_of = {};
  config::ShowHolders show_holders = config::ShowHolders::all;
  config::Source source = config::Source::nvml;
};

// What the daemon last saw of the machine; it changes them on the loop's thread.
struct Facts {
  inject::Machine machine;
  std::map<model::GpuId, model::GpuLoad> loads;
  const usage::Books* usage = nullptr;  // null: nobody measures, the GPUs are listed
};

}  // namespace gpuhub::api
