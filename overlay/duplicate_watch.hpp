#pragma once

// Looks whether somebody else holds the own key: a home that was copied, or restored on a second
// machine, appends to the same feeds, and two histories are what every reader freezes.
//
// It greets the own key, at the nodes that know the way to it, and so reaches whoever announced it
// last. The answer to a hello proves that its sender holds the key at this moment; if this
// participant did not answer that hello itself, there is another holder. Announces alone prove
// nothing: those of an earlier run linger at an old address for a while. A hello that comes in from
// the own key may be recorded, so it only makes this side look at where it came from.

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "base/crypto.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "overlay/greeter.hpp"

namespace cip::dht {
class Announcer;
class Node;
}  // namespace cip::dht

namespace cip::overlay {

class DuplicateWatch {
 public:
  // Between two looks; the first comes with the first contact.
  static constexpr Duration kLookEvery = std::chrono::seconds(30);
  static constexpr Duration kLookWhileMet = std::chrono::seconds(10);
  // A walk finds nodes that are not the own relays; else those are asked alone.
  static constexpr unsigned kLooksPerWalk = 10;
  // Silent for so long, the other is gone.
  static constexpr Duration kGoneAfter = std::chrono::minutes(1);
  // Whether there is somebody to ask is looked at so often, and ever less.
  static constexpr Duration kLookForContact = std::chrono::milliseconds(50);
  static constexpr Duration kLookForContactLast = std::chrono::seconds(2);
  // Addresses that hellos of the own key came from, and that are greeted between two looks.
  static constexpr unsigned kMostSuspects = 4;

  struct Meeting {
    Endpoint at;  // where the other was reached
    UnixMillis since;
    TimePoint first{};
    TimePoint last{};
  };

  // All outlive it.
  DuplicateWatch(dht::Node& node, dht::Announcer& announcer, Greeter& greeter,
                 const PublicKey& own_key)
      : node_(node), announcer_(announcer), greeter_(greeter), key_(own_key) {}

  void start(Now now);

  // --- inputs
  void handle_event(Now now, const GreeterEvent& event);
  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const { return due_; }

  // --- what is known
  // Whom else the key belongs to at present.
  const std::optional<Meeting>& met() const { return met_; }
  // A look has ended in which somebody was asked.
  bool has_looked() const { return looked_; }

 private:
  void look(Now now);
  void greet(Now now, GreetOptions options);
  void end_of(HelloId id, bool asked);
  void judge(Now now, const HelloDone& done);
  void suspect(Now now, Endpoint seen);
  bool is_own(Endpoint endpoint) const;

  dht::Node& node_;
  dht::Announcer& announcer_;
  Greeter& greeter_;
  PublicKey key_;
  std::set<HelloId> running_;
  std::set<Endpoint> asked_;  // in this look
  std::optional<TimePoint> due_;
  std::optional<Meeting> met_;
  Duration pause_ = kLookForContact;
  unsigned looks_ = 0;
  unsigned suspects_ = 0;  // since the last look
  bool asked_somebody_ = false;
  bool looked_ = false;
};

}  // namespace cip::overlay
