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

// A first walk that has met somebody is given this long to end.
inline constexpr Duration kFirstWalkTime = std::chrono::seconds(3);

// Calls back once the first walk of the node is over and somebody is known, or as soon as nobody
// can be met any more: the contacts were asked, at the latest now, and have had the time to answer.
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
  TimePoint meet_until_{};
  std::function<void()> then_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

// There are contacts, but none of them answers. After a ReadyWait.
bool nobody_answers(const Daemon& daemon);
// No node answered at all, and what became of the contacts that were named.
Error no_contact_error(const Daemon& daemon);
unsigned shared_bits_with(const dht::Contact& contact, const Bytes32& target);
// Adds `hops` and `requests`.
void add_walk(Json& object, const dht::QueryDone& walk);

}  // namespace cip::node
