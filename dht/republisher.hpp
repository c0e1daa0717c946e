#pragma once

// Keeps own values stored: whoever put a value puts it again now and then, since those that hold it
// come and go and forget it after 32 to 64 hours (dht.md 11).
//
// A machine on top of a Node, like the Announcer. Never more than one put is begun per kSpacing;
// what is due meanwhile waits. A mutable value that the network holds with a higher seq has another
// writer by now and is let go.

#include <optional>
#include <vector>

#include "base/fifo.hpp"
#include "dht/node.hpp"

namespace cip::dht {

// What was put: the bytes of an immutable value, or a signed mutable one.
struct OwnValue {
  Bytes immutable;
  std::optional<MutablePut> signed_put;

  Target target() const;
  bool operator==(const OwnValue&) const = default;
};

class Republisher {
 public:
  // A dozen times within the shortest life of a value, so that it outlives the churn of its
  // holders.
  static constexpr Duration kEvery = std::chrono::hours(2);
  // A node that has just joined may have put too far away.
  static constexpr Duration kFirst = std::chrono::minutes(5);
  static constexpr Duration kRetry = std::chrono::minutes(1);
  static constexpr Duration kSpacing = std::chrono::seconds(1);
  static constexpr std::size_t kMaxValues = 1024;
  // Nothing is kept longer: an end beyond it was dated while the clock showed something else.
  static constexpr auto kLongest = std::chrono::hours(24 * 30);
  // Changes of the clock that are not worth a new date on disk.
  static constexpr auto kDateSlack = std::chrono::hours(1);

  // Both outlive it.
  Republisher(Node& node, Random& random) : node_(&node), random_(&random) {}

  // Puts the value again from now on until `until`, as the clock shows it now: it may be set right
  // later. Of one target the last value counts. False when there are kMaxValues others.
  bool keep(Now now, OwnValue value, UnixMillis until);

  // Every event of the node, before or after others see it.
  void handle_event(Now now, const Event& event);
  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;

  // Targets that are not kept any more: their time is over, or a newer value is about.
  std::optional<Target> poll_let_go() { return let_go_.pop(); }
  // Values whose end has another date than before, since the clock was changed; once each.
  struct Dated {
    OwnValue value;
    UnixMillis until{};
  };
  std::vector<Dated> take_moved(Now now);
  std::size_t size() const { return entries_.size(); }
  // The sequence number of the mutable value that is kept for this target.
  std::optional<std::uint64_t> known_seq(const Target& target) const;

 private:
  struct Entry {
    Target target{};
    OwnValue value;
    TimePoint end{};
    UnixMillis until{};  // the date of `end` when it was told last
    TimePoint due{};
    QueryId running{};
  };

  void plan(Now now, Entry& entry, Duration wait);

  Node* node_;
  Random* random_;
  std::vector<Entry> entries_;
  Fifo<Target> let_go_;
  TimePoint next_start_{};
};

}  // namespace cip::dht
