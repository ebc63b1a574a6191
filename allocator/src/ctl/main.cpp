// gpuctl: the allocator's command line, for admins and for people without a hub. One static file.
#include <array>

#include "ctl/command_line.hpp"
#include "ctl/docker.hpp"
#include "ctl/socket.hpp"

namespace gpuhub::ctl {
namespace {

int start(Chosen chosen) {
  if (chosen.needs_socket && chosen.common.socket.empty()) {
    const std::array<std::string, 2> usual{admin_socket, local_socket};
    auto socket = choose_socket(usual);
    if (!socket) {
      const int status = fail(socket.error());
      return chosen.runs ? never_ran : status;
    }
    chosen.common.socket = std::move(*socket);
  }
  return chosen.command(chosen.common);
}

}  // namespace
}  // namespace gpuhub::ctl

int main(int argc, char** argv) {
  using namespace gpuhub::ctl;
  auto chosen = parse_command_line(argc, argv);
  if (const int* status = std::get_if<int>(&chosen)) return *status;
  return start(std::move(std::get<Chosen>(chosen)));
}
