// What the library says is not believed blindly: each lie alone, and what comes of it.
#include <gtest/gtest.h>

#include <format>

#include "inventory/nvml_inventory.hpp"
#include "inventory/nvml_library.hpp"
#include "liar.hpp"

namespace gpuhub::inventory {
namespace {

struct Seen {
  std::string line;
  std::vector<std::string> warnings;
};

std::unique_ptr<Inventory> lying(const char* lie, std::vector<std::string>* warnings = nullptr) {
  Liar::get().lie(lie);
  NvmlOptions options{.library = LYING_LIBRARY, .sim_folder = "", .warn = {}};
  if (warnings != nullptr) options.warn = [warnings](const auto& w) { warnings->push_back(w); };
  return make_nvml_inventory(options);
}

// "GPU-a Card 8192 | GPU-b Card 8192", or the error.
std::string show(Inventory& inventory) {
  const auto gpus = inventory.gpus();
  if (!gpus) {
    return (gpus.error().kind == ErrorKind::unavailable ? "unavailable: " : "failed: ") +
           gpus.error().message;
  }
  std::string line;
  for (const auto& gpu : *gpus) {
    line += std::format("{}{} {} {}", line.empty() ? "" : " | ", gpu.id.str(), gpu.model,
                        gpu.memory.count);
  }
  return line;
}

Seen see(const char* lie) {
  Seen seen;
  seen.line = show(*lying(lie, &seen.warnings));
  return seen;
}

std::string load(const char* lie) {
  const auto load = lying(lie)->load(*model::GpuId::parse("GPU-a"));
  if (!load) return load.error().message;
  const auto text = [](std::optional<int> value) {
    return value ? std::to_string(*value) : std::string("?");
  };
  return std::format("{} {} {}", text(load->gpu_util_percent), text(load->memory_util_percent),
                     load->memory_used ? std::to_string(load->memory_used->count) : "?");
}

TEST(NvmlLies, AreToldFromTheTruth) {
  EXPECT_EQ(see("").line, "GPU-a Card 8192 | GPU-b Card 8192");
  EXPECT_TRUE(see("").warnings.empty());
}

TEST(NvmlLies, StopEverythingWhenTheyAreAboutEverything) {
  EXPECT_EQ(see("many").line, "failed: NVML speaks of 4000000000 GPUs; more than 64 cannot be");
  EXPECT_EQ(see("count fails").line, "failed: nvmlDeviceGetCount: Something ?? odd");
  EXPECT_EQ(see("twin").line, "failed: NVML gives two GPUs the UUID GPU-a");
}

TEST(NvmlLies, LeaveOutTheGpuTheyAreAbout) {
  const std::pair<const char*, const char*> lies[] = {
      {"lost", "GPU 0 is left out: nvmlDeviceGetHandleByIndex: GPU is lost"},
      {"odd uuid", "GPU 1 is left out: its UUID is \"GPU-{b}?\""},
      {"mig uuid", "GPU 1 is left out: its UUID is \"MIG-b\""},
      {"huge", "GPU 1 is left out: 18446744073709551615 bytes of memory cannot be"}};
  for (const auto& [lie, warning] : lies) {
    const auto seen = see(lie);
    EXPECT_EQ(seen.line.find('|'), std::string::npos) << lie << ": " << seen.line;
    EXPECT_TRUE(seen.line.starts_with("GPU-")) << lie << ": " << seen.line;
    EXPECT_EQ(seen.warnings, std::vector<std::string>{warning});
  }
  EXPECT_EQ(see("no end").line, "");
}

TEST(NvmlLies, AreToldOnceUntilTheyChange) {
  std::vector<std::string> warnings;
  const auto inventory = lying("lost", &warnings);
  (void)show(*inventory);
  (void)show(*inventory);
  EXPECT_EQ(warnings.size(), 1U);
  Liar::get().lie("");
  (void)show(*inventory);
  Liar::get().lie("lost");
  (void)show(*inventory);
  EXPECT_EQ(warnings.size(), 2U);
}

TEST(NvmlLies, AboutNamesAndNumbersAreMadeHarmless) {
  EXPECT_EQ(see("odd name").line,
            "GPU-a NVIDIA \xc3\xa9??[31m 8192 | GPU-b NVIDIA \xc3\xa9??[31m 8192");
  EXPECT_TRUE(see("name without end").line.starts_with("GPU-a " + std::string(96, 'x') + " 8"));
  EXPECT_TRUE(see("no name").line.starts_with("GPU-a GPU without a name 8192"));
  EXPECT_TRUE(see("no memory").line.starts_with("GPU-a Card 0"));
  EXPECT_EQ(lying("odd minor")->gpus()->front().minor, std::nullopt);
  EXPECT_EQ(lying("")->gpus()->back().minor, 1);
}

TEST(NvmlLies, AboutTheLoadAreLeftOut) {
  EXPECT_EQ(load(""), "40 10 1024");
  EXPECT_EQ(load("rates beyond"), "? 10 1024");
  EXPECT_EQ(load("used beyond"), "40 10 ?");
  EXPECT_EQ(load("no rates"), "? ? 1024");
  EXPECT_EQ(load("no memory"), "40 10 ?");
  EXPECT_EQ(load("rates fail"), "GPU-a: nvmlDeviceGetUtilizationRates: GPU is lost");
  EXPECT_EQ(load("lost"), "GPU-a: nvmlDeviceGetHandleByUUID: GPU is lost");
}

TEST(NvmlStart, SaysWhatToDo) {
  const auto none = make_nvml_inventory({.library = "/nowhere/libnvidia-ml.so.1",
                                         .sim_folder = "", .warn = {}});
  EXPECT_EQ(show(*none),
            "unavailable: cannot open NVML (/nowhere/libnvidia-ml.so.1: cannot open shared object"
            " file: No such file or directory): is the NVIDIA driver installed, and does this"
            " container have the toolkit's capability `utility`?");
  const auto old = make_nvml_inventory({.library = EMPTY_LIBRARY, .sim_folder = "", .warn = {}});
  EXPECT_EQ(show(*old), "unavailable: " EMPTY_LIBRARY
                        " has no nvmlShutdown: the NVIDIA driver is too old (450 or newer is"
                        " needed)");
  EXPECT_TRUE(see("no driver").line.starts_with(
      "unavailable: NVML does not start (Driver Not Loaded, code 9): the NVIDIA driver is not"));
  EXPECT_TRUE(see("new driver").line.ends_with("reboot this machine"));
  EXPECT_TRUE(see("init fails").line.starts_with("failed: NVML does not start (Something ?? odd"));
}

TEST(NvmlStart, IsTriedAgainAfterAFailure) {
  const auto inventory = lying("no driver");
  EXPECT_FALSE(inventory->gpus());
  Liar::get().lie("");
  EXPECT_EQ(inventory->gpus()->size(), 2U);
  Liar::get().lie("count fails");
  EXPECT_FALSE(inventory->gpus());
  Liar::get().lie("");
  EXPECT_EQ(inventory->gpus()->size(), 2U);
}

TEST(CleanText, KeepsUtf8AndNothingElse) {
  EXPECT_EQ(clean_text("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", 99),
            "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
  EXPECT_EQ(clean_text("\xc0\xaf", 99), "??");          // overlong
  EXPECT_EQ(clean_text("\xe0\x80\x80", 99), "???");     // overlong
  EXPECT_EQ(clean_text("\xed\xa0\x80", 99), "???");     // a surrogate
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80", 99), "????");  // beyond Unicode
  EXPECT_EQ(clean_text("a\xe2\x82", 99), "a??");        // cut short
  EXPECT_EQ(clean_text("a\tb\x7f", 99), "a?b?");
  EXPECT_EQ(clean_text("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(clean_text("", 3), "");
}

}  // namespace
}  // namespace gpuhub::inventory
