#pragma once

// What commands that walk the DHT have in common: waiting until the node knows somebody, and how a
// walk is shown.

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "dht/node_types.hpp"
#include "node/daemon.hpp"
#include "node/service.hpp"

namespace cip::node {

// A node that was just started is given this long to meet somebody: its contacts answer within a
// round trip, neighbours on the local network within a second.
inline constexpr Duration kPatience = std::chrono::seconds(3);

// Calls back once the first walk of the node is over and somebody is known, or after kPatience.
class ReadyWait {
 public:
  explicit ReadyWait(Daemon& daemon);
  void wait(std::function<void()> then);
  bool is_waiting() const { return then_ != nullptr; }

 private:
  void look();

  Daemon& daemon_;
  asio::steady_timer timer_;
  TimePoint until_{};
  std::function<void()> then_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

// No node answered at all.
Error no_contact_error();
unsigned shared_bits_with(const dht::Contact& contact, const Bytes32& target);
// Adds `hops` and `requests`.
void add_walk(Json& object, const dht::QueryDone& walk);

}  // namespace cip::node
