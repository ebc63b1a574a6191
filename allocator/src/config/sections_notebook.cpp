// [notebook] and [[profiles]].
#include <algorithm>
#include <array>
#include <format>
#include <set>

#include "config/rules.hpp"
#include "config/sections.hpp"

namespace gpuhub::config {
namespace {
constexpr std::array<std::pair<std::string_view, model::Mode>, 2> mode_names{
    {{"shared", model::Mode::shared}, {"exclusive", model::Mode::exclusive}}};

// 64: what a server alone needs (its threads count too).
constexpr int pids_least = 64;
constexpr int pids_most = 4'000'000;
constexpr int pids_default = 2048;

Limits read_limits(Table& table) {
  Limits limits;
  limits.memory_bytes = table.size("memory", "64MiB");
  limits.cpus = table.number("cpus", 0.01, 4096);
  limits.shm_size_bytes = table.size("shm_size", "1MiB");
  limits.pids = table.integer("pids", pids_least, pids_most);
  return limits;
}

Profile simple_profile(std::string slug, std::string name, model::Want gpus, bool is_default) {
  Profile profile;
  profile.slug = std::move(slug);
  profile.display_name = std::move(name);
  profile.gpus = std::move(gpus);
  profile.is_default = is_default;
  return profile;
}

void read_gpus_wanted(Table& table, Profile& profile) {
  const int most = static_cast<int>(model::gpus_max);
  const auto counts = table.counts_or_all("gpus", most).value_or(Table::Counts{1, 1});
  table.required("gpus", std::format("0 to {}, \"all\", or a range such as \"1-4\"", most));
  if (counts.least < 0) {
    profile.gpus = model::WantAll{};
  } else if (counts.most == 0) {
    profile.gpus = model::WantNone{};
  } else {
    profile.gpus = model::WantCount{counts.most};
  }
  if (counts.least != counts.most) profile.range = Range{counts.least, counts.most};
}

void read_images(Table& table, Profile& profile, const Notebook& notebook) {
  take(profile.images, table.texts("images", rules::image));
  for (const std::string& image : profile.images) {
    if (image == notebook.image || std::ranges::contains(notebook.images, image)) continue;
    table.fault("images", std::format("\"{}\" is not among the images of [notebook]", image),
                "notebook.image and those of notebook.images");
  }
}

void read_profile(Table& table, const Notebook& notebook, std::vector<Profile>& profiles,
                  std::set<std::string>& slugs) {
  Profile profile;
  take(profile.slug, table.text("slug", rules::slug));
  table.required("slug", std::string{rules::slug.allowed});
  if (!profile.slug.empty() && !slugs.insert(profile.slug).second) {
    table.fault("slug", std::format("\"{}\" stands here a second time", profile.slug),
                "each slug once");
  }
  take(profile.display_name, table.text("display_name", rules::display_name));
  if (profile.display_name.empty()) profile.display_name = profile.slug;
  take(profile.description, table.text("description", rules::description));
  read_gpus_wanted(table, profile);
  take(profile.mode, table.choice<model::Mode>("mode", mode_names));
  profile.is_default = table.boolean("default").value_or(false);
  take(profile.groups, table.texts("groups", rules::people_group));
  read_images(table, profile, notebook);
  profile.limits = read_limits(table);
  read_ends(table, profile);
  for (const Profile& other : profiles) {
    if (!profile.is_default || !other.is_default) continue;
    table.fault("default", std::format("profile \"{}\" is the default already", other.slug),
                "default = true in one profile");
    break;
  }
  profiles.push_back(std::move(profile));
}
}  // namespace

Notebook read_notebook(Table table) {
  Notebook notebook;
  notebook.image = "gpuhub/notebook:" GPUHUB_VERSION;
  take(notebook.image, table.text("image", rules::image));
  take(notebook.images, table.texts("images", rules::image));
  notebook.limits = read_limits(table);
  if (!notebook.limits.pids) notebook.limits.pids = pids_default;
  take(notebook.reach, table.texts("reach", rules::reach));
  take(notebook.subnet, table.text("subnet", rules::subnet));
  take(notebook.http_proxy, table.text("http_proxy", rules::proxy_url));
  take(notebook.https_proxy, table.text("https_proxy", rules::proxy_url));
  take(notebook.no_proxy, table.text("no_proxy", rules::no_proxy));
  take(notebook.ca_file, table.text("ca_file", rules::host_path));
  table.finish();
  return notebook;
}

std::vector<Profile> read_profiles(Table& root, const Notebook& notebook) {
  std::vector<Profile> profiles;
  std::set<std::string> slugs;
  root.tables("profiles", [&](Table& one) { read_profile(one, notebook, profiles, slugs); });
  if (profiles.size() > profiles_max) {
    root.fault("profiles", "too many profiles", std::format("up to {}", profiles_max));
  }
  if (profiles.empty()) {
    profiles.push_back(simple_profile("one-gpu", "1 GPU", model::WantCount{1}, true));
    profiles.push_back(simple_profile("no-gpu", "No GPU", model::WantNone{}, false));
  }
  return profiles;
}

}  // namespace gpuhub::config
