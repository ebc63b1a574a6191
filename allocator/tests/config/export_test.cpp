#include "config/export.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/read.hpp"

namespace gpuhub::config {
namespace {
namespace json = boost::json;

Config good(std::string_view text) {
  auto config = read(text, "f");
  EXPECT_TRUE(config);
  return config.value_or(Config{});
}

TEST(Export, HubJsonHoldsWhatTheHubNeeds) {
  const json::value hub = json::parse(hub_json(good(
      "[hub]\nadmins = ['ana']\n[notebook]\nmemory = '1GiB'\ncpus = 1.5\n"
      "[[profiles]]\nslug = 'two'\ngpus = 2\nmode = 'exclusive'\n"
      "[[profiles]]\nslug = 'every'\ngpus = 'all'\ndefault = true\n"
      "[[profiles]]\nslug = 'none'\ngpus = 0\n")));
  const json::value expected = json::parse(R"({
    "hub": {"name": "hub", "admins": ["ana"], "start_timeout_s": 120},
    "notebook": {"image": "gpuhub/notebook:0.1.0", "memory_bytes": 1073741824, "cpus": 1.5E0,
                 "shm_size_bytes": null},
    "profiles": [
      {"slug": "two", "display_name": "two", "description": "", "gpus": {"count": 2},
       "mode": "exclusive", "default": false},
      {"slug": "every", "display_name": "every", "description": "", "gpus": {"all": true},
       "mode": "shared", "default": true},
      {"slug": "none", "display_name": "none", "description": "", "gpus": {"none": true},
       "mode": "shared", "default": false}],
    "allocator": {"socket": "/run/gpuhub/hub/allocator.sock", "bind_timeout_s": 180},
    "queue": {"enabled": true, "max": 100, "renew_timeout_s": 300},
    "auth": {"method": "pam"}, "tls": {"mode": "none"}, "public_url": "http://127.0.0.1:8000"})");
  json::value versioned = expected;
  versioned.at("notebook").at("image") = "gpuhub/notebook:" GPUHUB_VERSION;
  EXPECT_EQ(hub, versioned);
}

TEST(Export, ComposeEnvNamesEachSetting) {
  EXPECT_EQ(compose_env(good("[hub]\naddress = '10.0.0.5'\nport = 8443\n[tls]\n"
                             "certificate = '/c.pem'\nkey = '/k.pem'\n[simulation]\ngpus = 2\n"
                             "[gpus]\ndriver = 'cdi'\n[notebook]\nimage = 'i:1'\n")),
            "# Made from gpuhub.toml by gpu-allocator --export: change that file instead.\n"
            "GPUHUB_ADDRESS='10.0.0.5'\nGPUHUB_PORT='8443'\nGPUHUB_TLS='files'\n"
            "GPUHUB_TLS_CERT='/c.pem'\nGPUHUB_TLS_KEY='/k.pem'\nGPUHUB_NOTEBOOK_IMAGE='i:1'\n"
            "GPUHUB_SIMULATE='2'\nGPUHUB_SIM_MODEL='A100-40G'\nGPUHUB_DRIVER='cdi'\n"
            "GPUHUB_SOURCE='nvml'\nGPUHUB_PUBLIC_URL='https://10.0.0.5:8443'\n"
            "GPUHUB_LOCAL=''\nGPUHUB_LOCAL_GROUP='docker'\n");
}

TEST(Export, AnIpv6AddressStandsInBrackets) {
  EXPECT_EQ(public_url(good("[hub]\naddress = '::1'\n")), "http://[::1]:8000");
}

TEST(Export, WritesBothFilesAndLeavesNoHalves) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("gpuhub-export-" + std::to_string(std::rand()));
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(write_export(good(""), folder));
  ASSERT_TRUE(write_export(good("[hub]\nport = 81\n"), folder));
  std::ostringstream text;
  text << std::ifstream{folder / "compose.env"}.rdbuf();
  EXPECT_NE(text.str().find("GPUHUB_PORT='81'"), std::string::npos);
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{folder}) ++files;
  EXPECT_EQ(files, 2);
  std::filesystem::remove_all(folder);
}

TEST(Export, AFolderThatIsNotThereIsSaid) {
  const auto done = write_export(good(""), "/nonexistent");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), "cannot write /nonexistent/hub.json.new: No such file or directory");
}

}  // namespace
}  // namespace gpuhub::config
