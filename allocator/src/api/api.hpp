// The REST API over a service: routes, roles, JSON, problems. One instance, on the loop's thread.
// Holds no state of its own but what the daemon tells it (Facts).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "api/events.hpp"
#include "api/facts.hpp"
#include "api/polls.hpp"
#include "api/problem.hpp"
#include "api/requests.hpp"
#include "api/write.hpp"
#include "http/server.hpp"
#include "service/service.hpp"

namespace gpuhub::api {

class Api {
 public:
  // `service` and `facts` are borrowed and must outlive this. `now`: the time of this instant, as
  // the service counts it. `http`: for metrics.
  Api(http::Loop& loop, service::Service& service, const Facts& facts, Settings settings,
      std::function<model::Now()> now, std::function<http::ServerCounters()> http);

  // Answers every request, once, now or when the service has. Roles: requests.hpp.
  void handle(http::Request request, http::Respond respond);

  // Answers the long polls for which something has changed, or whose time is over.
  void pump() { polls_.pump(now_().at); }
  std::optional<model::Instant> next_deadline() const { return polls_.next_deadline(); }

 private:
  struct Asker {  // who waits for an answer, and the way to him
    Caller caller;
    http::Respond respond;
  };
  struct Call {
    http::Request request;
    Caller caller;
    std::string name;  // what stands for {…} in the path
    http::Respond respond;
    // What is kept until there is an answer; the request goes.
    Asker asker() && { return {std::move(caller), std::move(respond)}; }
  };
  using Handle = void (Api::*)(Call);
  struct Entry {
    std::string_view method, path;
    bool admin_only, body, query;
    Handle handle;
  };
  static std::span<const Entry> entries();
  std::optional<Caller> caller_of(const http::Request& request);
  friend std::vector<std::pair<std::string, std::string>> routes();

  void healthz(Call call);
  void readyz(Call call);
  void metrics(Call call);
  void openapi(Call call);
  void events(Call call);
  void get_gpus(Call call);
  void get_gpu(Call call);
  void put_gpus(Call call);
  void patch_gpu(Call call);
  void ask(Call call);
  void get_leases(Call call);
  void get_lease(Call call);
  void bind(Call call);
  void renew(Call call);
  void release(Call call);

  // What to bring into the lease's container, or why no way fits; nullopt: it holds nothing.
  std::optional<inject::Made> injection(const service::LeaseAnswer& answer) const;
  // The lease's JSON, with what to inject while it is granted or active.
  void show(text::JsonText& out, const service::LeaseAnswer& answer, const Caller& caller) const;
  void show(text::JsonText& out, const service::LeaseAnswer& answer, const Caller& caller,
            const inject::Injection* injection) const;
  // What an active lease with GPUs does; nullopt: of others.
  std::optional<usage::LeaseUsage> usage_of(const model::Lease& lease) const;
  void show(text::JsonText& out, const service::GpuView& view, const Onlooker& onlooker) const;
  Onlooker onlooker_of(const Caller& caller) const;
  http::Response gpus_answer(std::span<const service::GpuView> views,
                             const Onlooker& onlooker) const;
  http::Response refused(const Caller& caller, const service::Refusal& refusal,
                         std::span<const std::string> groups) const;
  service::LeaseAnswer as_answer(const model::Lease& lease) const;
  Indices indices_of(std::span<const model::Lease> leases) const;
  // The lease in the path, if it is there and the caller's; else answers not-found.
  std::optional<model::LeaseId> own_lease(Call& call) const;
  service::Send give_lease(Asker asker,
                           std::expected<service::LeaseAnswer, service::Refusal> answer);
  // Tells of the lease whenever it changes, until it has ended or the client has left.
  void follow(Call call, const model::LeaseId& id);
  struct Follower;
  void follow_on(std::shared_ptr<Follower> follower);
  // Releases a grant that the caller can do nothing with, and says why.
  service::Send take_back(Asker asker, const model::LeaseId& lease, Problem which,
                          const std::string& why);
  service::Send give_granted(Asker asker, const service::LeaseAnswer& answer);

  service::Service& service_;
  const Facts& facts_;
  Settings settings_;
  std::function<model::Now()> now_;
  std::function<http::ServerCounters()> http_;
  Polls polls_;
  Events events_;
  std::map<std::string, std::optional<Caller>> callers_;  // by role, but for the host's people
};

// Method and path of every route, as in the OpenAPI document.
std::vector<std::pair<std::string, std::string>> routes();
std::string_view openapi_document();

}  // namespace gpuhub::api
