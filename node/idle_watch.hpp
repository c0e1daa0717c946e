#pragma once

// When a node that was started for a command may leave (decisions.md D5): it stays while clients or
// seeds exist, and while it holds own blocks that nobody else has, the latter for ten minutes at
// most.

#include <optional>

#include "base/time.hpp"

namespace cip::node {

inline constexpr Duration kUnsharedPatience = std::chrono::minutes(10);

class IdleWatch {
 public:
  explicit IdleWatch(Duration idle_exit) : idle_exit_(idle_exit) {}

  // What keeps the node, as of now. Returns whether it is time to leave.
  struct Reasons {
    bool busy = false;      // clients or seeds
    bool unshared = false;  // own blocks that nobody else has
  };
  bool should_leave(TimePoint now, Reasons reasons) {
    if (!last_busy_ || reasons.busy) last_busy_ = now;
    const auto idle = now - *last_busy_;
    return idle >= idle_exit_ && (!reasons.unshared || idle >= kUnsharedPatience);
  }

 private:
  Duration idle_exit_;
  std::optional<TimePoint> last_busy_;
};

}  // namespace cip::node
