#include "login/options.hpp"

#include <CLI/CLI.hpp>

#include <map>

namespace gpuhub::login {

std::expected<Options, int> parse_options(int argc, char** argv) {
  Options o;
  const std::map<std::string, Source> sources{{"host", Source::host}, {"sss", Source::sss}};
  CLI::App app{"gpuhub-login: tells the hub whether a name and its password are right",
               "gpuhub-login"};
  app.set_version_flag("--version", "gpuhub-login " GPUHUB_VERSION);
  auto* ping = app.add_flag("--ping", o.ping, "ask the one that runs; exit status 0 or 1");
  auto* source = app.add_option("--source", o.source,
                                "host: the host's accounts; sss: those of its sssd");
  source->transform(CLI::CheckedTransformer(sources))->excludes(ping);
  app.add_option("--directory", o.directory, "of the socket")->capture_default_str();
  app.add_option("--etc", o.etc, "the host's /etc")->capture_default_str();
  try {
    app.parse(argc, argv);
    if (!o.ping && source->empty()) throw CLI::RequiredError("--source");
  } catch (const CLI::ParseError& error) {
    return std::unexpected{app.exit(error) == 0 ? 0 : 64};
  }
  return o;
}

}  // namespace gpuhub::login
