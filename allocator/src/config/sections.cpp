#include "config/sections.hpp"

#include <array>

#include "config/rules.hpp"

namespace gpuhub::config {
namespace {
template <typename E, std::size_t N>
using Names = std::array<std::pair<std::string_view, E>, N>;

constexpr Names<ShowHolders, 3> show_holders_names{
    {{"all", ShowHolders::all}, {"group", ShowHolders::group}, {"none", ShowHolders::none}}};
constexpr Names<Conflicts, 2> conflicts_names{
    {{"report", Conflicts::report}, {"stop", Conflicts::stop}}};
constexpr Names<LogLevel, 4> log_names{{{"debug", LogLevel::debug},
                                        {"info", LogLevel::info},
                                        {"warning", LogLevel::warning},
                                        {"error", LogLevel::error}}};
constexpr Names<LogFormat, 2> log_format_names{
    {{"text", LogFormat::text}, {"json", LogFormat::json}}};

template <typename E, std::size_t N>
std::span<const std::pair<std::string_view, E>> all(const Names<E, N>& names) {
  return names;
}
}  // namespace

Hub read_hub(Table table) {
  Hub hub;
  take(hub.name, table.text("name", rules::hub_name));
  take(hub.address, table.text("address", rules::address));
  take(hub.port, table.integer("port", 1, 65535));
  take(hub.public_url, table.text("public_url", rules::public_url));
  take(hub.admins, table.texts("admins", rules::account));
  take(hub.named_servers, table.integer("named_servers", 0, 1000));
  take(hub.start_timeout, table.duration("start_timeout", "1s", "1h"));
  table.finish();
  return hub;
}

Tls read_tls(Table table) {
  Tls tls;
  take(tls.certificate, table.text("certificate", rules::host_path));
  take(tls.key, table.text("key", rules::host_path));
  const bool self_signed = table.boolean("self_signed").value_or(false);
  const bool behind_proxy = table.boolean("behind_proxy").value_or(false);
  take(tls.proxies, table.texts("proxies", rules::address));
  if (!tls.proxies.empty() && !behind_proxy) {
    table.fault("proxies", "no reverse proxy is said to be there", "with behind_proxy = true");
  }
  const bool files = table.has("certificate") || table.has("key");
  if (files) {
    table.required("certificate", "both certificate and key");
    table.required("key", "both certificate and key");
  }
  if (int{files} + int{self_signed} + int{behind_proxy} > 1) {
    table.fault("", "more than one way of TLS",
                "one of: certificate and key; self_signed = true; behind_proxy = true");
  }
  tls.mode = files          ? TlsMode::files
             : self_signed  ? TlsMode::self_signed
             : behind_proxy ? TlsMode::behind_proxy
                            : TlsMode::none;
  table.finish();
  return tls;
}

Allocator read_allocator(Table table) {
  Allocator allocator;
  take(allocator.bind_timeout, table.duration("bind_timeout", "1s", "24h"));
  take(allocator.show_holders, table.choice("show_holders", all(show_holders_names)));
  take(allocator.conflicts, table.choice("conflicts", all(conflicts_names)));
  take(allocator.history, table.integer("history", 0, 1'000'000));
  take(allocator.log, table.choice("log", all(log_names)));
  take(allocator.log_format, table.choice("log_format", all(log_format_names)));
  table.finish();
  return allocator;
}

Queue read_queue(Table table) {
  Queue queue;
  take(queue.enabled, table.boolean("enabled"));
  take(queue.max, table.integer("max", 1, 10'000));
  take(queue.timeout, table.duration("timeout", "1m", "365d"));
  take(queue.renew_timeout, table.duration("renew_timeout", "10s", "24h"));
  take(queue.reserve_after, table.duration("reserve_after", "0s", "365d"));
  table.finish();
  return queue;
}

Local read_local(Table table) {
  Local local;
  take(local.enabled, table.boolean("enabled"));
  take(local.group, table.text("group", rules::group));
  table.finish();
  return local;
}

}  // namespace gpuhub::config
