// Long polls: who asked to be told when a lease changes. Each is answered once: when what is shown
// of the lease is another than the client knew, or when its time is over.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "service/service.hpp"

namespace gpuhub::api {

class Polls {
 public:
  explicit Polls(service::Service& service) : service_(service) {}

  using Give = service::Reply<service::LeaseAnswer>;
  // `revision` is what the client knows; nullopt: what is shown now.
  void add(model::LeaseId lease, std::optional<std::string> revision, model::Instant until,
           Give give);
  // What became durable just now. A lease's own change is told at once; what follows from it for
  // the queue, soon.
  void changed(const std::vector<model::Record>& records);
  // Looks at all that may have news, and at those whose time is over.
  void pump(model::Instant at);
  std::optional<model::Instant> next_deadline() const;

 private:
  struct Poll {
    model::LeaseId lease;
    std::optional<std::string> revision;
    model::Instant until;
    Give give;
    bool looking = false;  // the service was asked and has not answered
    bool over = false;     // answered, whatever comes
  };
  void look(std::uint64_t key);
  void seen(std::uint64_t key, std::expected<service::LeaseAnswer, service::Refusal> answer);

  service::Service& service_;
  std::map<std::uint64_t, Poll> polls_;  // the server bounds them: each has a connection
  std::uint64_t next_ = 1;
  bool queue_moved_ = false;
  model::Instant look_again_;            // estimates change as time passes
};

}  // namespace gpuhub::api
