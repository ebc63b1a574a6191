// What others need of the configuration, written by --export: hub.json for the hub, compose.env for
// Docker Compose. Nobody else reads gpuhub.toml.
#pragma once

#include <expected>
#include <string>

#include "config/config.hpp"

namespace gpuhub::config {

std::string hub_json(const Config& config);     // one JSON object, indented
std::string compose_env(const Config& config);  // NAME='value' lines
// Where people reach the hub, e.g. "http://127.0.0.1:8000".
std::string public_url(const Config& config);

// Writes both into `directory`, each replaced as a whole. Error: what could not be done; what was
// there before is still whole.
std::expected<void, std::string> write_export(const Config& config, const std::string& directory);

}  // namespace gpuhub::config
