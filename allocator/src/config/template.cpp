#include "config/template.hpp"

#include <format>

#include "config/template_text.hpp"
#include "model/assert.hpp"

namespace gpuhub::config {
namespace {
void put(std::string& text, std::string_view place, std::string_view value) {
  const auto at = text.find(place);
  GPUHUB_ASSERT(at != text.npos);
  text.replace(at, place.size(), value);
}
}  // namespace

std::string make_template(const TemplateChoices& choices) {
  std::string simulation;
  if (choices.simulate > 0) {
    simulation = std::format(
        "# Simulated GPUs, because this machine had none at the first `up`. Remove this section "
        "once it\n# has real ones.\n[simulation]\n"
        "gpus = {}                     # 1 to 16\n"
        "model = \"A100-40G\"           # A100-40G, H100-80G, RTX-4090\n\n",
        choices.simulate);
  }
  std::string admins;
  for (const std::string& name : choices.admins) {
    admins += std::format("{}\"{}\"", admins.empty() ? "" : ", ", name);
  }
  std::string text{template_text};
  put(text, "@ADMINS@", admins);
  put(text, "@SIMULATION@", simulation);
  put(text, "@VERSION@", GPUHUB_VERSION);
  return text;
}

}  // namespace gpuhub::config
