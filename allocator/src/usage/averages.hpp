// Exponential moving averages of a share, over 1, 5 and 15 minutes. Steps may be of any length, and
// early values are those of what was seen so far: nothing is taken for 0 that was not measured.
#pragma once

#include "model/units.hpp"

namespace gpuhub::usage {

struct Rates {  // 0 to 1
  double one = 0, five = 0, fifteen = 0;
};

class Averages {
 public:
  // `value` was so for `step`; a step of nothing changes nothing.
  void add(double value, model::Duration step);
  // Needs a step that was added.
  [[nodiscard]] Rates rates() const;

 private:
  struct One {
    double sum = 0, weight = 0;  // the average is their quotient
    void add(double value, model::Duration step, model::Duration window);
    [[nodiscard]] double value() const { return weight > 0 ? sum / weight : 0; }
  };
  One one_, five_, fifteen_;
};

}  // namespace gpuhub::usage
