#include "usage/averages.hpp"

#include <cmath>

namespace gpuhub::usage {
namespace {
constexpr model::Duration minute{60'000};
}  // namespace

void Averages::One::add(double value, model::Duration step, model::Duration window) {
  const double fresh = -std::expm1(-static_cast<double>(step.count()) /
                                   static_cast<double>(window.count()));
  sum += fresh * (value - sum);
  weight += fresh * (1 - weight);
}

void Averages::add(double value, model::Duration step) {
  one_.add(value, step, minute);
  five_.add(value, step, 5 * minute);
  fifteen_.add(value, step, 15 * minute);
}

Rates Averages::rates() const { return {one_.value(), five_.value(), fifteen_.value()}; }

}  // namespace gpuhub::usage
