#pragma once

// The best value of the last while in constant space: the best one, the best of those after it and
// the best of those after that, so that a successor is there when the best one grows too old
// (Nichols, as in draft-cardwell-iccrg-bbr-congestion-control 4.1.1.2.1). Approximate: what it
// names was seen within the window, and nothing better was seen in the last quarter of it.

#include <array>
#include <functional>

namespace cip::overlay {

// Better is std::less_equal or std::greater_equal. When: a point in time or the number of a round,
// which may wrap if it is unsigned.
template <typename Value, typename When, typename Better>
class Windowed {
 public:
  using Age = decltype(When{} - When{});

  // Value{} before the first add().
  Value best() const { return kept_[0].value; }

  void add(When now, Value value, Age window) {
    const Seen seen{value, now};
    const auto age = [&](const Seen& of) { return now - of.when; };
    if (empty_ || Better{}(value, kept_[0].value) || age(kept_[2]) > window) {
      kept_.fill(seen);
      empty_ = false;
      return;
    }
    if (Better{}(value, kept_[1].value)) {
      kept_[1] = kept_[2] = seen;
    } else if (Better{}(value, kept_[2].value)) {
      kept_[2] = seen;
    }
    if (age(kept_[0]) > window) {
      kept_ = {kept_[1], kept_[2], seen};
      if (age(kept_[0]) > window) kept_ = {kept_[1], kept_[2], seen};
    } else if (kept_[1].when == kept_[0].when && age(kept_[1]) > window / 4) {
      kept_[1] = kept_[2] = seen;
    } else if (kept_[2].when == kept_[1].when && age(kept_[2]) > window / 2) {
      kept_[2] = seen;
    }
  }

 private:
  struct Seen {
    Value value{};
    When when{};
  };
  bool empty_ = true;
  std::array<Seen, 3> kept_{};  // from the best, which is the oldest, to the newest
};

template <typename Value, typename When>
using WindowedMin = Windowed<Value, When, std::less_equal<Value>>;
template <typename Value, typename When>
using WindowedMax = Windowed<Value, When, std::greater_equal<Value>>;

}  // namespace cip::overlay
