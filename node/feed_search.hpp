#pragma once

// Peers for one feed: dials those the user named, or lets the swarm look for them, and says when
// going on is hopeless and why. While nothing comes of those found it looks for others.

#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "node/daemon.hpp"
#include "node/feed_library.hpp"
#include "node/named_peers.hpp"
#include "node/redials.hpp"

namespace cip::node {

// Without a peer for so long a search gives up, whoever is still being tried.
inline constexpr Duration kSearchTime = std::chrono::seconds(10);
// It gives up sooner when everybody was asked: four lookups, this far apart since a new announce
// may wait for others of its node (2 a second), and nobody they named is left who could have the
// feed.
inline constexpr Duration kLookAgain = std::chrono::milliseconds(500);
inline constexpr unsigned kLookups = 4;
// Who still looks after these looks again in pauses that double up to 32 s.
inline constexpr unsigned kLookDoublings = 6;
inline constexpr unsigned kAttempts = 2;  // to reach one peer

class FeedSearch {
 public:
  // `peers` as HOST:PORT or key: only these are dialled. `patience`: how long to go on without
  // a peer; zero: for ever. `on_hopeless` comes at most once; the search may be destroyed in it.
  FeedSearch(Daemon& daemon, store::FeedNumber number, std::vector<std::string> peers,
             Duration patience, std::function<void(Error)> on_hopeless);

  // News of the feed.
  void handle(const overlay::FeedNews& news);
  // Why no peer was found, or that there was one and time ran out.
  Error verdict() const;
  // Nothing comes: others are looked for, until rest() or the next peer.
  void look_around();
  void rest() { is_looking_ = false; }
  // Everybody who is known to have the feed was asked: those the user named, or those of a lookup.
  bool has_asked_named() const;
  // The same, and looking again found nobody else.
  bool has_asked_everybody() const;
  // A peer that has the feed was met.
  bool had_peer() const { return had_peer_; }
  // Some peer does not have it, or has it no longer.
  bool was_refused() const { return refusals_ > 0; }
  // Hears each time when has_asked_named() may have become true, and is.
  std::function<void()> on_asked;
  // Hears of peers that do not let this node in for the moment.
  std::function<void(const std::string&)> on_notice;
  // Hears which addresses the names among the peers stood for.
  std::function<void(const Endpoint&)> on_resolved;

 private:
  void handle(const DialledPeer& peer);
  void handle(const overlay::HubEvent& event);
  void dial_ended(overlay::ConnId conn);
  void handle_lookup(const overlay::LookupEnded& ended);
  void look_again();
  void look_now();
  bool reached_all() const;
  void tell_if_asked();
  void wait_for_contact(TimePoint until);
  void note_candidate(const PublicKey& peer);
  void note_gone(const PublicKey& peer, unsigned attempts);
  // Named peers that are still looked up, greeted, or waited for.
  bool is_dialling() const { return peers_.pending() > 0 || redials_.waiting() > 0; }
  bool is_named_by_user_done() const { return named_ && dials_.empty() && !is_dialling(); }
  void give_up_if_all_asked();
  void give_up();
  void wait();

  Daemon& daemon_;
  store::FeedNumber number_;
  Bytes32 target_;
  Hold search_;
  bool named_;  // peers were named: the DHT is not asked
  Duration patience_;
  std::function<void(Error)> on_hopeless_;
  NamedPeers peers_;
  Redials redials_;
  std::set<overlay::ConnId> dials_;  // under way or open
  std::set<overlay::ConnId> left_;   // of these, those that gave up the feed
  std::string problems_;             // why some were not dialled
  std::size_t refusals_ = 0;         // peers that do not have it
  // Peers that the DHT named, and how often each was tried in vain.
  std::map<PublicKey, unsigned> candidates_;
  std::size_t named_peers_ = 0;  // by one lookup
  unsigned looks_ = 0;           // lookups since others are looked for
  unsigned lookups_ = 0;         // of these, that somebody answered
  bool is_looking_ = true;
  bool nodes_answered_ = false;
  bool had_peer_ = false;
  Listeners<overlay::HubEvent>::Listening listening_;
  asio::steady_timer timer_;
  asio::steady_timer contact_timer_;
  asio::steady_timer look_timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
