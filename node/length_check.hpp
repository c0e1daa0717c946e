#pragma once

// Asks others how long an own feed is, before this process first appends to it: a home that was
// restored from a backup, or copied, holds an older history than its readers, and what it appended
// would be a second one beside it, which every reader freezes.

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/feed_library.hpp"
#include "node/named_peers.hpp"
#include "node/reach.hpp"

namespace cip::node {

// A check ends with the last peer that is known to have the feed, at the latest after this; who
// cannot be reached within it cannot be waited for.
inline constexpr Duration kLengthPatience = std::chrono::seconds(3);
// Nothing at all was answered within this: nobody is there to be waited for. A contact that is
// there answers within one transmission, 1 s at most.
inline constexpr Duration kAnswerPatience = std::chrono::seconds(1);
// The same where the feed was last written by this very home, so that nothing points to a longer
// history: time for what is near to answer.
inline constexpr Duration kShortPatience = std::chrono::milliseconds(100);

// A home that was restored from a backup is older than its readers as a rule, so that there is
// time to reach one of them.
inline constexpr Duration kRestoredPatience = std::chrono::seconds(10);

struct LengthCheckOptions {
  std::vector<std::string> peers;      // HOST:PORT or key: asked too
  std::optional<Bytes32> target;       // where the holders of the feed meet; none: not looked for
  Duration silence = kAnswerPatience;  // who is silent for so long is not there
  bool assumes_latest = false;         // of a restored feed: nobody need answer
};

class LengthCheck {
 public:
  using OnDone = std::function<void(Outcome<void>)>;

  // Begins at once, unless nothing calls for it. `on_done` comes once, later, and may destroy the
  // check. Error conflict: somebody proved a longer history, or a rewritten one; what is appended
  // here meanwhile is neither; or another node with this identity was met. A longer history that
  // was proved is part of the feed then, so that the next append goes on behind it. No_route: a
  // named peer cannot be found, or nobody who has a restored feed answered. Other errors: the disk
  // failed meanwhile. `reach` outlives the check.
  LengthCheck(Participant& participant, FeedLibrary& feeds, const Reach& reach,
              store::FeedNumber number, const LengthCheckOptions& options, OnDone on_done);
  ~LengthCheck();

 private:
  void handle(const overlay::FeedNews& news);
  void handle(const store::FeedEvent& event);
  void handle(const overlay::HubEvent& event);
  void handle(const DialledPeer& peer);
  void note_twin(const overlay::DialFailed& failed);
  void look();
  void finish_within(Duration patience);
  void end_if_nobody_answers(Duration patience);
  bool has_the_feed(const overlay::ReplicatorPeerInfo& peer) const;
  bool is_restored() const { return feeds_.find(number_)->restored; }
  Outcome<void> verdict();

  Participant& participant_;
  FeedLibrary& feeds_;
  const Reach& reach_;
  const store::FeedNumber number_;
  const std::optional<Bytes32> target_;
  OnDone on_done_;
  std::uint64_t own_length_;             // of the feed as it was written here
  std::optional<std::uint64_t> proved_;  // a longer history, by somebody else
  std::optional<Endpoint> twin_;         // where another node with this identity runs
  std::optional<Error> failure_;
  overlay::DownloadId download_ = 0;
  Hold search_;
  bool is_searching_ = false;
  bool in_sync_ = false;
  bool was_answered_ = false;  // by somebody who has the feed
  std::size_t expected_ = 0;   // peers that the lookup named
  std::size_t gone_ = 0;       // of these, not to be had
  NamedPeers peers_;
  std::set<overlay::ConnId> dials_;  // to those, under way
  const bool assumes_latest_;
  FeedLibrary::News::Listening news_;
  Listeners<overlay::HubEvent>::Listening listening_;
  std::uint64_t answers_ = 0;  // of the DHT, before
  asio::steady_timer timer_;
  asio::steady_timer silence_timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
