#pragma once

// What state machines have in common. A machine has no I/O: inputs are `handle_*(now, …)` and
// commands, outputs are `poll_*()`, first in, first out, and `next_timeout()`. After every input
// its owner drains the outputs and arms its one timer anew.

#include <initializer_list>
#include <optional>

#include "base/fifo.hpp"
#include "base/time.hpp"

namespace cip {
inline namespace base {

// The first of several moments, any of which may be none; none of none.
class Earliest {
 public:
  void consider(std::optional<TimePoint> at) {
    if (at && (!at_ || *at < *at_)) at_ = at;
  }
  std::optional<TimePoint> get() const { return at_; }

 private:
  std::optional<TimePoint> at_;
};

inline std::optional<TimePoint> earliest(std::initializer_list<std::optional<TimePoint>> moments) {
  Earliest out;
  for (const auto& at : moments) out.consider(at);
  return out.get();
}

// Lambdas as one visitor: std::visit(Overloaded{[](A) {...}, [](B) {...}}, variant).
template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace base
}  // namespace cip
