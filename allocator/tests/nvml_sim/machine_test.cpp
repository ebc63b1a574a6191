#include "nvml_sim/machine.hpp"

#include <gtest/gtest.h>

#include <random>

#include "scratch.hpp"

namespace gpuhub::nvml_sim {
namespace {

constexpr auto kOneGpu =
    R"({"driver_version":"550.163.01","cuda_version":"12.4","major":241,"gpus":[)"
    R"({"uuid":"GPU-51d00000-0000-4000-8000-000000000000","model":"A100-40G","minor":0,)"
    R"("pci":"00000000:07:00.0"}]})";

std::string with(std::string_view what, std::string_view instead) {
  std::string text = kOneGpu;
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), instead);
}

std::string error_of(const std::string& text) {
  const auto machine = parse_machine(text);
  return machine ? "no error" : machine.error();
}

TEST(Models, AreWhatTheyClaimToBe) {
  EXPECT_EQ(models().size(), 3U);
  for (const auto& model : models()) {
    EXPECT_EQ(find_model(model.key), &model);
    EXPECT_LT(model.reserved_mib, model.memory_mib) << model.key;
    EXPECT_LE(model.power_idle_mw, model.power_default_mw) << model.key;
    EXPECT_LE(model.power_default_mw, model.power_max_mw) << model.key;
    EXPECT_LE(model.temperature_idle_c, model.temperature_busy_c) << model.key;
    EXPECT_EQ(model.pci_device_id & 0xffffU, 0x10deU) << model.key;
    for (const auto& clock : model.clocks) EXPECT_LE(clock.idle_mhz, clock.max_mhz) << model.key;
  }
  EXPECT_EQ(find_model("A100"), nullptr);
}

TEST(Machine, IsReadAsWritten) {
  const auto machine = parse_machine(kOneGpu);
  ASSERT_TRUE(machine) << machine.error();
  EXPECT_EQ(machine->driver_version, "550.163.01");
  EXPECT_EQ(machine->cuda_version, 12040);
  EXPECT_EQ(machine->major, 241U);
  ASSERT_EQ(machine->gpus.size(), 1U);
  EXPECT_EQ(machine->gpus[0].model->name, "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(to_string(machine->gpus[0].pci), "00000000:07:00.0");
  EXPECT_EQ(to_json(*parse_machine(to_json(*machine))), to_json(*machine));
}

TEST(Machine, NamesWhatIsWrong) {
  EXPECT_EQ(error_of(with("\"major\":241", "\"major\":-1")),
            "major must be a whole number, 0 to 511");
  EXPECT_EQ(error_of(with("\"major\":241", "\"major\":1.5")),
            "major must be a whole number, 0 to 511");
  EXPECT_EQ(error_of(with("\"major\":241,", "")), "major is missing");
  EXPECT_EQ(error_of(with("\"minor\"", "\"colour\"")), "gpus[0].colour is not known");
  EXPECT_EQ(error_of(with("A100-40G", "Voodoo2")),
            "gpus[0].model must be one of: A100-40G H100-80G RTX-4090");
  EXPECT_EQ(error_of(with("GPU-51d0", "GPU-51D0")),
            "gpus[0].uuid must be GPU- and a UUID in small letters");
  EXPECT_EQ(error_of(with("07:00.0", "07:00.1")), "gpus[0].pci must be like 00000000:07:00.0");
  EXPECT_EQ(error_of(with("12.4", "twelve")), "cuda_version must be like 12.4");
  EXPECT_EQ(error_of(with("550.163.01", "new\\n")),
            "driver_version must be digits and dots, as 550.163.01");
  EXPECT_EQ(error_of("[]"), "the whole must be an object");
  EXPECT_TRUE(error_of("{").starts_with("not JSON: "));
  EXPECT_TRUE(error_of("").starts_with("not JSON: "));
  EXPECT_EQ(error_of(std::string(2U << 20U, ' ')), "more than 1 MiB");
}

TEST(Machine, RefusesTheSameGpuTwice) {
  const auto one = std::string(kOneGpu);
  const auto begin = one.find("{\"uuid");
  const auto gpu = one.substr(begin, one.find("}]") + 1 - begin);
  EXPECT_EQ(error_of(with("}]", "}," + gpu + "]")),
            "GPU-51d00000-0000-4000-8000-000000000000 is given twice");
}

TEST(Machine, SurvivesDamagedFiles) {
  std::mt19937 chance(20240607);
  for (int round = 0; round < 3000; ++round) {
    std::string text = kOneGpu;
    for (unsigned hits = 1 + chance() % 4; hits > 0; --hits) {
      const auto at = chance() % text.size();
      if (chance() % 2 == 0) {
        text[at] = static_cast<char>(chance());
      } else {
        text.erase(at, 1 + chance() % 16);
      }
      if (text.empty()) break;
    }
    const auto machine = parse_machine(text);
    EXPECT_TRUE(!machine || machine->gpus.size() <= kMaxGpus);
    (void)parse_loads(text);
  }
}

TEST(Pci, IsReadInEveryUsualForm) {
  for (const auto* text : {"00000000:0A:1f.0", "0000:0a:1F.0", "0a:1f.0"}) {
    const auto address = parse_pci(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), "00000000:0A:1F.0");
    EXPECT_EQ(to_string(*address, true), "0000:0A:1F.0");
  }
  for (const auto* text : {"", ".0", ":.0", "::.0", "0a:1f", "0a:1f.1", "a:1f.0", "0a:20.0",
                           "000:0a:1f.0", "00000000:0g:00.0", "00000000:-1:00.0", "1:0a:1f.0"}) {
    EXPECT_FALSE(parse_pci(text)) << text;
  }
}

TEST(Loads, AreReadAsWritten) {
  const auto loads = parse_loads(R"({"GPU-51d00000-0000-4000-8000-000000000000":
      {"gpu_util":40,"mem_util":10,"memory_used_mib":1234,"processes":[{"pid":7,"memory_mib":5},
       {"pid":8,"kind":"graphics"},{"pid":9,"kind":"mps","gpu_util":3}]}})");
  ASSERT_TRUE(loads) << loads.error();
  const auto& load = loads->begin()->second;
  EXPECT_EQ(load.gpu_util, 40U);
  EXPECT_EQ(load.memory_used_mib, 1234U);
  ASSERT_EQ(load.processes.size(), 3U);
  EXPECT_EQ(load.processes[1].kind, ProcessKind::graphics);
  EXPECT_EQ(to_json(*parse_loads(to_json(*loads))), to_json(*loads));
}

TEST(Loads, KeepQuirks) {
  const auto loads = parse_loads(R"({"GPU-51d00000-0000-4000-8000-000000000000":
      {"quirks":["hangs","no_process_util"]}})");
  ASSERT_TRUE(loads) << loads.error();
  const auto& quirks = loads->begin()->second.quirks;
  EXPECT_TRUE(quirks.hangs && quirks.no_process_util && !quirks.mig && !quirks.lies);
  EXPECT_EQ(parse_loads(to_json(*loads))->begin()->second.quirks, quirks);
  EXPECT_FALSE(to_json(*parse_loads("{}")).contains("quirks"));
}

TEST(Loads, NameWhatIsWrong) {
  const auto error = [](const std::string& load) {
    const auto loads =
        parse_loads(R"({"GPU-51d00000-0000-4000-8000-000000000000":)" + load + "}");
    return loads ? "no error" : loads.error().substr(loads.error().find(' ') + 1);
  };
  EXPECT_EQ(error(R"({"gpu_util":101})"), "must be a whole number, 0 to 100");
  EXPECT_EQ(error(R"({"gpu_util":"40"})"), "must be a whole number, 0 to 100");
  EXPECT_EQ(error(R"({"gpu_utl":4})"), "is not known");
  EXPECT_EQ(error(R"({"lost":1})"), "must be true or false");
  EXPECT_EQ(error(R"({"quirks":["odd"]})"),
            "must be some of: mig hangs lies no_rates no_processes no_process_util");
  EXPECT_EQ(error(R"({"processes":[{"kind":"compute"}]})"), "is missing");
  EXPECT_EQ(error(R"({"processes":[{"pid":1,"kind":"x"}]})"), "must be compute, graphics or mps");
  EXPECT_FALSE(parse_loads(R"({"GPU-0":{}})"));
  EXPECT_TRUE(parse_loads("{}")->empty());
}

}  // namespace
}  // namespace gpuhub::nvml_sim
