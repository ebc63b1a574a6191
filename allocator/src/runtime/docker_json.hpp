// What Docker Engine answers, read into plain values. The engine is not trusted to be right: a
// missing field, a wrong type or an unknown state is an error, never a guess. Fields that we do not
// use may be anything, so that newer engines are no surprise. Pure functions.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/runtime.hpp"

namespace gpuhub::runtime {

inline constexpr std::size_t label_value_max = 64 * 1024;  // bytes; longer ones are an error
inline constexpr std::size_t shown_max = 255;  // bytes of a name or an image; the rest is cut

// The errors are one line for people: what was wrong with the answer.
template <typename T>
using Read = std::expected<T, std::string>;

// GET /version. The API version to speak from now on, as "1.41": the newest that both sides know.
struct EngineVersion {
  std::string engine;  // "20.10.24+dfsg1"
  std::string api;
};
Read<EngineVersion> read_version(std::string_view json);

// GET /info. `cdi` is true if the engine names spec folders: an empty list means switched off.
Read<Capabilities> read_capabilities(std::string_view json);

// GET /containers/json (no exit codes, no claims in there) and GET /containers/ID/json. Names and
// images are made printable ASCII: what is not becomes `?`.
Read<std::vector<Container>> read_container_list(std::string_view json);
Read<Container> read_container(std::string_view json);

// One line of GET /events. Labels or an exit code that make no sense are left out: that something
// happened to this container is worth telling all the same.
Read<ContainerEvent> read_event(std::string_view json);

// The engine's own words in an error body ({"message": …}), or the start of the body; one line of
// at most 300 bytes without control characters.
std::string read_error_message(std::string_view body);

}  // namespace gpuhub::runtime
