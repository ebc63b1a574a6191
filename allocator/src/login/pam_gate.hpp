// The gate that PAM keeps, by one service. The only file that knows PAM.
#pragma once

#include <string>

#include "login/ports.hpp"

namespace gpuhub::login {

class PamGate : public Gate {
 public:
  // `folder`: of the services' files; empty: the system's.
  explicit PamGate(std::string service, std::string folder = {});

  Answer check(const std::string& name, const std::string& password) override;
  Answer look(const std::string& name) override;

 private:
  std::string service_;
  std::string folder_;
};

}  // namespace gpuhub::login
