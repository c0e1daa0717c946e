#pragma once

// Of a subscription that waits for messages that are not here: lets it go past those that nobody
// has who can be reached, once everybody was asked.

#include <asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "node/daemon.hpp"
#include "node/participant.hpp"
#include "overlay/subscription.hpp"

namespace cip::node {

// Nobody said for so long that it has the message, and nothing is under way.
inline constexpr Duration kHolePatience = std::chrono::seconds(2);
// So often others are looked for while there are holes.
inline constexpr Duration kHoleLook = std::chrono::seconds(30);
// Peers that are known and can neither be reached nor given up by then are not waited for.
inline constexpr Duration kHoleLimit = std::chrono::seconds(10);

class HoleWatch {
 public:
  // `daemon` and the subscription outlive it.
  HoleWatch(Daemon& daemon, const Bytes32& topic, overlay::SubscriptionId subscription);

 private:
  struct Hole {
    std::uint64_t place = 0;
    TimePoint since{};      // when it was last possible that somebody gives it
    std::uint64_t end = 0;  // of what nobody gives
  };

  void tick();
  void look();
  void ask_around(Now time);
  void handle(const overlay::SwarmEvent& event);
  std::uint64_t end_of(const Bytes32& feed, std::uint64_t place) const;
  bool has_asked_everybody() const;

  Daemon& daemon_;
  const Bytes32 topic_;
  const overlay::SubscriptionId subscription_;
  std::map<Bytes32, Hole> holes_;       // by feed
  std::optional<TimePoint> looked_at_;  // for more peers of the topic
  bool has_looked_ = false;
  std::set<PublicKey> unreachable_;  // since then
  Listeners<overlay::HubEvent>::Listening listening_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
