#pragma once

// Peers for one feed: dials those the user named, or lets the swarm look for them, and says when
// going on is hopeless and why.

#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/daemon.hpp"
#include "node/feed_library.hpp"

namespace cip::node {

// Without a peer for so long a search gives up: a few lookups, one second and more apart.
inline constexpr Duration kSearchTime = std::chrono::seconds(10);

class FeedSearch {
 public:
  // `peers` as HOST:PORT: only these are dialled. `patience`: how long to go on without a peer;
  // zero: for ever. `on_hopeless` comes at most once; the search may be destroyed in it.
  FeedSearch(Daemon& daemon, store::FeedNumber number, std::vector<std::string> peers,
             Duration patience, std::function<void(Error)> on_hopeless);

  // News of the feed.
  void handle(const overlay::FeedNews& news);
  // Why no peer was found, or that there was one and time ran out.
  Error verdict() const;
  bool had_peer() const { return had_peer_; }

 private:
  void dial(const std::string& peer);
  void handle(const overlay::HubEvent& event);
  void dial_ended(overlay::ConnId conn);
  void give_up();
  void wait();

  Daemon& daemon_;
  store::FeedNumber number_;
  Bytes32 target_;
  Hold search_;
  bool named_;  // peers were named: the DHT is not asked
  Duration patience_;
  std::function<void(Error)> on_hopeless_;
  std::map<overlay::ConnId, std::string> dials_;  // under way or open
  std::size_t failed_dials_ = 0;
  std::size_t refusals_ = 0;    // peers that do not have it
  std::size_t candidates_ = 0;  // peers that the DHT named
  std::size_t failed_attempts_ = 0;
  bool nodes_answered_ = false;
  bool had_peer_ = false;
  Listeners<overlay::HubEvent>::Listening listening_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
