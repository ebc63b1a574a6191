// Fixture of the nvml_sim tests: a folder of its own with a simulated machine in it, whose nodes
// are ordinary files (which can be opened), and a line of text for what is seen.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <string>

#include "nvml_sim/ctl_commands.hpp"

namespace gpuhub::nvml_sim {

class Scratch {
 public:
  explicit Scratch(unsigned gpus = 4, std::string model = "A100-40G") {
    std::string pattern = testing::TempDir() + "nvml_sim.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    machine = make_machine({.gpus = gpus, .model = std::move(model), .major = 241}).value();
    EXPECT_TRUE(init_folder(folder_, machine, "", false));
    for (unsigned minor = 0; minor < gpus; ++minor) write(node(minor), "");
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string state(const std::string& name = "") const {
    return folder_ + "/state" + (name.empty() ? "" : "/" + name);
  }
  [[nodiscard]] std::string dev() const { return folder_ + "/dev"; }
  [[nodiscard]] std::string node(unsigned minor) const {
    return std::format("{}/nvidia{}", dev(), minor);
  }
  [[nodiscard]] const std::string& uuid(std::size_t index) const {
    return machine.gpus[index].uuid;
  }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::trunc) << text;
  }

  Machine machine;

 private:
  std::string folder_;
};

}  // namespace gpuhub::nvml_sim
