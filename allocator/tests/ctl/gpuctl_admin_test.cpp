// gpuctl's verbs for admins, what GPUs look like that are not well, and the stream of events.
#include "program.hpp"

namespace gpuhub::ctl {
namespace {

const std::string gpu = R"({"index":1,"uuid":"GPU-2","model":"A100","memory_mib":40960,"used":1,
  "slots":2,"label":"","state":"draining","fault":null,"load":null,"conflicts":[],"foreign":[],
  "leases":[{"owner":{"hub":"hub","user":"ana","server":""}}]})";
const std::string now = "GPU 1 (GPU-2): draining, 1 of 2 slots used, held by ana\n= 0";

class GpuctlAdmin : public Program {
 protected:
  GpuctlAdmin() {
    answer("GET /v1/gpus", 200, R"({"gpus":[{"index":0,"uuid":"GPU-1"},)" + gpu + "]}");
    answer("PATCH /v1/gpus/GPU-2", 200, gpu);
  }
};

TEST_F(GpuctlAdmin, EachVerbChangesOneGpu) {
  for (const auto& [verb, change] : std::vector<std::pair<std::string, std::string>>{
           {"drain GPU-2", R"({"drain":true})"},
           {"undrain GPU-2", R"({"drain":false})"},
           {"clear GPU-2", R"({"clear_fault":true})"},
           {"set GPU-2 --slots 3", R"({"slots":3})"},
           {"set GPU-2 --label 'of the lab'", R"({"label":"of the lab"})"},
           {"set --label '' --slots 1 GPU-2", R"({"slots":1,"label":""})"}}) {
    EXPECT_EQ(run(verb), now) << verb;
    EXPECT_EQ(asked().back(), "PATCH /v1/gpus/GPU-2 " + change);
  }
  EXPECT_TRUE(run("--json drain GPU-2").starts_with(R"({"index":1,"uuid":"GPU-2")"));
}

TEST_F(GpuctlAdmin, AnIndexIsLookedUp) {
  EXPECT_EQ(run("drain 1"), now);
  EXPECT_EQ(asked(), (std::vector<std::string>{"GET /v1/gpus",
                                               R"(PATCH /v1/gpus/GPU-2 {"drain":true})"}));
  EXPECT_EQ(run("drain 7"), "gpuctl: there is no GPU 7\ntry this: gpuctl gpus shows them\n= 1");
}

TEST_F(GpuctlAdmin, WrongLinesAreRefused) {
  for (const auto* line : {"drain", "undrain", "clear", "set", "drain GPU/2", "set GPU-2 --slots 0",
                           "set GPU-2 --slots 65", "set GPU-2 --slots x", "drain 1 2"}) {
    EXPECT_TRUE(run(line).ends_with("\ntry this: gpuctl --help\n= 2")) << line;
  }
  EXPECT_EQ(run("set GPU-2"),
            "gpuctl: nothing to set\ntry this: gpuctl set GPU --slots 2, or --label TEXT\n= 2");
}

TEST_F(GpuctlAdmin, WhoIsNoAdminIsToldWhereToGo) {
  allocator.only("PATCH /v1/gpus/GPU-2", {403, R"({"type":"urn:gpuhub:problem:forbidden",
    "title":"not for this role","detail":"for the admin"})"});
  EXPECT_EQ(run("drain GPU-2"),
            "gpuctl: not for this role: for the admin\ntry this: an admin's command needs the "
            "admin's socket: ./gpuhub ctl …\n= 1");
}

TEST_F(GpuctlAdmin, FaultsForeignUseAndWatchersAreShown) {
  allocator.only("GET /v1/gpus", {200, R"({"gpus":[
    {"index":0,"uuid":"GPU-1","model":"A100","memory_mib":40960,"used":0,"slots":1,
     "state":"faulty","fault":{"kind":"xid","xid":79,"detail":"fallen off the bus","since":"s",
       "clears_at":"2026-01-02T03:04:05.678Z"},"leases":[],"conflicts":[],"foreign":[]},
    {"index":1,"uuid":"GPU-2","model":"A100","memory_mib":40960,"used":1,"slots":1,
     "state":"ok","fault":null,"leases":[],"conflicts":[],"foreign":[
       {"container":"0123456789abcdef","name":"train","image":"torch","watches":false},
       {"container":"fedcba9876543210","name":"exporter","image":"dcgm","watches":true},
       {"container":"00000000000000ff","name":"","image":"","watches":false}]},
    {"index":2,"uuid":"GPU-3","model":"A100","memory_mib":40960,"used":0,"slots":1,
     "state":"faulty","fault":{"kind":"lost","xid":null,"detail":"","since":"s","clears_at":null},
     "leases":[]}]})"});
  EXPECT_EQ(run_squeezed("gpus"),
            "GPU  UUID  MODEL  MEMORY  USED  LOAD  STATE  HELD BY\n"
            "0  GPU-1  A100  40 GiB  0/1  -  faulty: xid 79: fallen off the bus, clears at "
            "2026-01-02T03:04:05.678Z  -\n"
            "1  GPU-2  A100  40 GiB  1/1  -  ok  foreign: train (torch), foreign: 000000000000\n"
            "2  GPU-3  A100  40 GiB  0/1  -  faulty: lost  -\n= 0");
}

TEST_F(GpuctlAdmin, EventsAreLines) {
  std::string stream = ": still here\n\n";
  for (const auto& [event, data] : std::vector<std::pair<std::string, std::string>>{
           {"lease", R"({"id":"L-1","hub":"local","user":"ana","server":"x","state":"active",
                         "reason":null,"gpus":["GPU-1","GPU-2"],"container":"c"})"},
           {"lease", R"({"id":"L-2","hub":"hub","user":"bo","server":"","state":"ended",
                         "reason":"released","gpus":[],"container":null})"},
           {"gpu", R"({"uuid":"GPU-1","change":"setting","slots":2,"label":"l","drain":true})"},
           {"gpu", R"({"uuid":"GPU-1","change":"setting","drain":false})"},
           {"gpu", R"({"change":"listed","gpus":4})"},
           {"gpu", R"({"uuid":"GPU-1","change":"faulty","kind":"xid","detail":"off the bus"})"},
           {"conflict", R"({"container":"0123456789abcdef","name":"old\u001b",
                            "gpus":["GPU-1"],"ended":false})"},
           {"conflict", R"({"container":"0123456789abcdef","ended":true})"},
           {"left_out", R"({"count":12})"},
           {"later", R"({"a":1})"},
           {"x", "no JSON"}}) {
    stream += "event: " + event + "\ndata: " +
              std::regex_replace(data, std::regex{"\n *"}, "") + "\n\n";
  }
  answer("GET /v1/events", 200, stream);
  const std::regex time{"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ"};
  EXPECT_EQ(std::regex_replace(run("events"), time, "T"),
            "T  lease     L-1 local:ana/x: active on GPU-1, GPU-2\n"
            "T  lease     L-2 bo: ended: released\n"
            "T  gpu       GPU-1: setting, slots 2, label l, drain\n"
            "T  gpu       GPU-1: setting, undrain\n"
            "T  gpu       listed, 4 GPUs\n"
            "T  gpu       GPU-1: faulty, xid: off the bus\n"
            "T  conflict  old? (0123456789ab) on GPU-1\n"
            "T  conflict  (0123456789ab): over\n"
            "T  left_out  12 changes\n"
            "T  later     {\"a\":1}\n"
            "gpuctl: " + socket + " ended the stream\ntry this: ./gpuhub logs allocator\n= 1");
  const std::string json = run("events --json");
  EXPECT_TRUE(json.starts_with(R"({"event":"lease","data":{"id":"L-1",)")) << json;
}

TEST_F(GpuctlAdmin, EventsThatNobodyGives) {
  EXPECT_EQ(run("events"), "gpuctl: " + socket + " answered 404 to the stream\n"
                           "try this: ./gpuhub logs allocator\n= 1");
}

// docs/operate.md has an entry for each subcommand.
TEST_F(GpuctlAdmin, EveryVerbIsInTheDocs) {
  const std::string help = run("--help");
  std::ostringstream page;
  page << std::ifstream{SOURCE_DIR "/docs/operate.md"}.rdbuf();
  const std::regex verb{"\n  ([a-z]+) {2,}"};
  int verbs = 0;
  for (std::sregex_iterator found{help.begin(), help.end(), verb}, end; found != end; ++found) {
    ++verbs;
    EXPECT_TRUE(page.str().contains("`gpuctl " + (*found)[1].str())) << (*found)[1];
  }
  EXPECT_GE(verbs, 15);
}

}  // namespace
}  // namespace gpuhub::ctl
