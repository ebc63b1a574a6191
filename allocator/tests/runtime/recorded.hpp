// What engines were heard to say (data/README.md), for the tests that replay it.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gpuhub::runtime {

inline std::string recorded(const std::string& name) {
  std::ifstream file{DATA_FOLDER + name};
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::vector<std::string> recorded_lines(const std::string& name) {
  std::istringstream text{recorded(name)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  EXPECT_FALSE(lines.empty()) << name;
  return lines;
}

}  // namespace gpuhub::runtime
