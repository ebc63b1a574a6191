#include "ctl/docker_flags.hpp"

#include <algorithm>
#include <array>
#include <format>

namespace gpuhub::ctl {
namespace {

struct Option {
  std::string_view name;
  char letter = 0;       // 0: it has no short form
};

// `docker run` of versions 20.10 to 29, the hidden and the deprecated ones too.
constexpr std::array run_switches{
    Option{"detach", 'd'},
    Option{"disable-content-trust"},
    Option{"help"},
    Option{"init"},
    Option{"interactive", 'i'},
    Option{"no-healthcheck"},
    Option{"oom-kill-disable"},
    Option{"privileged"},
    Option{"publish-all", 'P'},
    Option{"quiet", 'q'},
    Option{"read-only"},
    Option{"rm"},
    Option{"sig-proxy"},
    Option{"tty", 't'},
    Option{"use-api-socket"},
};
constexpr std::array run_values{
    Option{"add-host"}, Option{"annotation"}, Option{"attach", 'a'}, Option{"blkio-weight"},
    Option{"blkio-weight-device"}, Option{"cap-add"}, Option{"cap-drop"}, Option{"cgroup-parent"},
    Option{"cgroupns"}, Option{"cidfile"}, Option{"cpu-count"}, Option{"cpu-percent"},
    Option{"cpu-period"}, Option{"cpu-quota"}, Option{"cpu-rt-period"}, Option{"cpu-rt-runtime"},
    Option{"cpu-shares", 'c'}, Option{"cpus"}, Option{"cpuset-cpus"}, Option{"cpuset-mems"},
    Option{"detach-keys"}, Option{"device"}, Option{"device-cgroup-rule"},
    Option{"device-read-bps"}, Option{"device-read-iops"}, Option{"device-write-bps"},
    Option{"device-write-iops"}, Option{"dns"}, Option{"dns-opt"}, Option{"dns-option"},
    Option{"dns-search"}, Option{"domainname"}, Option{"entrypoint"}, Option{"env", 'e'},
    Option{"env-file"}, Option{"expose"}, Option{"gpus"}, Option{"group-add"},
    Option{"health-cmd"}, Option{"health-interval"}, Option{"health-retries"},
    Option{"health-start-interval"}, Option{"health-start-period"}, Option{"health-timeout"},
    Option{"hostname", 'h'}, Option{"io-maxbandwidth"}, Option{"io-maxiops"}, Option{"ip"},
    Option{"ip6"}, Option{"ipc"}, Option{"isolation"}, Option{"kernel-memory"},
    Option{"label", 'l'}, Option{"label-file"}, Option{"link"}, Option{"link-local-ip"},
    Option{"log-driver"}, Option{"log-opt"}, Option{"mac-address"}, Option{"memory", 'm'},
    Option{"memory-reservation"}, Option{"memory-swap"}, Option{"memory-swappiness"},
    Option{"mount"}, Option{"name"}, Option{"net"}, Option{"net-alias"}, Option{"network"},
    Option{"network-alias"}, Option{"oom-score-adj"}, Option{"pid"}, Option{"pids-limit"},
    Option{"platform"}, Option{"publish", 'p'}, Option{"pull"}, Option{"restart"},
    Option{"runtime"}, Option{"security-opt"}, Option{"shm-size"}, Option{"stop-signal"},
    Option{"stop-timeout"}, Option{"storage-opt"}, Option{"sysctl"}, Option{"tmpfs"},
    Option{"ulimit"}, Option{"user", 'u'}, Option{"userns"}, Option{"uts"}, Option{"volume", 'v'},
    Option{"volume-driver"}, Option{"volumes-from"}, Option{"workdir", 'w'},
};
// Of `docker` itself, in front of `run`.
constexpr std::array docker_switches{Option{"debug", 'D'}, Option{"help"}, Option{"tls"},
                                     Option{"tlsverify"}, Option{"version", 'v'}};
constexpr std::array docker_values{Option{"config"},    Option{"context", 'c'},
                                   Option{"host", 'H'}, Option{"log-level", 'l'},
                                   Option{"tlscacert"}, Option{"tlscert"}, Option{"tlskey"}};

struct Known {
  std::span<const Option> switches, values;
};
Known known_to(Command command) {
  if (command == Command::run) return {run_switches, run_values};
  return {docker_switches, docker_values};
}

using Error = std::unexpected<std::string>;

class Parser {
 public:
  Parser(Command command, std::span<const std::string> arguments)
      : known_(known_to(command)), left_(arguments) {}

  std::expected<Flags, std::string> parse() {
    const std::size_t all = left_.size();
    while (!left_.empty()) {
      const std::string& token = left_.front();
      if (token.size() < 2 || token[0] != '-') break;  // "-" is a name too
      left_ = left_.subspan(1);
      if (token == "--") break;
      const auto error = token[1] == '-' ? take_long(token) : take_letters(token);
      if (!error.empty()) return Error{error};
    }
    out_.taken = all - left_.size();
    return std::move(out_);
  }

 private:
  // --name, --name=value, --name value. Returns what is wrong, or nothing.
  std::string take_long(const std::string& token) {
    const std::string_view body = std::string_view{token}.substr(2);
    const std::size_t equals = body.find('=');
    const std::string name{body.substr(0, equals)};
    if (name.empty() || name[0] == '-') return std::format("{} is no option", token);
    const bool is_switch = std::ranges::contains(known_.switches, name, &Option::name);
    if (equals != body.npos) {
      std::string value{body.substr(equals + 1)};
      if (!is_switch) return add(name, std::move(value), {token});
      const auto truth = parse_switch(value);
      if (!truth) return std::format("{}: a switch is true or false", token);
      return add(name, *truth ? "true" : "false", {token});
    }
    if (is_switch) return add(name, "true", {token});
    if (!std::ranges::contains(known_.values, name, &Option::name)) {
      return std::format("{0} is an option that gpuctl does not know; write {0}=VALUE", token);
    }
    return take_next(name, token);
  }

  // -d, -it, -p80:80, -p=80:80, -p 80:80, -itp 80:80, -d=false
  std::string take_letters(const std::string& token) {
    std::string_view rest = std::string_view{token}.substr(1);
    while (!rest.empty()) {
      const char letter = rest[0];
      rest.remove_prefix(1);
      const std::string given{'-', letter};
      const auto is_it = [letter](const Option& one) { return one.letter == letter; };
      const bool says_value = rest.size() > 1 && rest[0] == '=';  // "-d=" is -d and an unknown "="
      const auto found = std::ranges::find_if(known_.switches, is_it);
      if (found != known_.switches.end() && !says_value) {
        add(std::string{found->name}, "true", {given});
        continue;
      }
      if (found != known_.switches.end()) {
        const auto truth = parse_switch(rest.substr(1));
        if (!truth) return std::format("{}: a switch is true or false", token);
        return add(std::string{found->name}, *truth ? "true" : "false",
                   {given + std::string{rest}});
      }
      const auto valued = std::ranges::find_if(known_.values, is_it);
      if (valued == known_.values.end()) {
        return std::format("{}: there is no option {}", token, given);
      }
      const std::string name{valued->name};
      if (rest.empty()) return take_next(name, given);
      const std::string value{says_value ? rest.substr(1) : rest};
      return add(name, value, {given, value});
    }
    return "";
  }

  std::string take_next(const std::string& name, const std::string& given) {
    if (left_.empty()) return std::format("{} needs a value", given);
    const std::string& value = left_.front();
    left_ = left_.subspan(1);
    return add(name, value, {given, value});
  }

  std::string add(std::string name, std::string value, std::vector<std::string> tokens) {
    out_.flags.push_back({std::move(name), std::move(value), std::move(tokens)});
    return "";
  }

  Known known_;
  std::span<const std::string> left_;
  Flags out_;
};

}  // namespace

std::expected<Flags, std::string> parse_flags(Command command,
                                              std::span<const std::string> arguments) {
  return Parser{command, arguments}.parse();
}

std::optional<bool> parse_switch(std::string_view text) {
  constexpr std::array<std::string_view, 6> yes{"1", "t", "T", "true", "TRUE", "True"};
  constexpr std::array<std::string_view, 6> no{"0", "f", "F", "false", "FALSE", "False"};
  if (std::ranges::contains(yes, text)) return true;
  if (std::ranges::contains(no, text)) return false;
  return std::nullopt;
}

}  // namespace gpuhub::ctl
