#include "node/length_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "node/clock.hpp"
#include "node/overloaded.hpp"
#include "node/participant.hpp"

namespace cip::node {

LengthCheck::LengthCheck(Daemon& daemon, store::FeedNumber number,
                         const std::vector<std::string>& peers,
                         const std::optional<Bytes32>& target, OnDone on_done)
    : daemon_(daemon),
      number_(number),
      target_(target),
      on_done_(std::move(on_done)),
      length_(daemon.feeds().feed(number)->length()),
      timer_(daemon.io()),
      silence_timer_(daemon.io()) {
  if (!daemon_.feeds().must_ask_length(number_)) {
    finish_within(Duration::zero());
    return;
  }
  news_ = daemon_.feeds().watch(number_, [this](const overlay::FeedNews& news) { handle(news); });
  listening_ = daemon_.participant().hub_events.listen(
      [this](const overlay::HubEvent& event) { handle(event); });
  overlay::DownloadOptions options;
  options.follow = true;  // peers that come later are asked too
  options.length_only = true;
  auto& hub = daemon_.participant().hub();
  download_ = hub.replication().download(now(), number_, options);
  for (const auto& peer : peers) dial(peer);
  if (target_) {
    is_searching_ = true;
    // A topic is joined already.
    joins_ = *target_ == daemon_.feeds().find(number_)->record.discovery_key;
    if (joins_) daemon_.feeds().search(number_);
    hub.swarm()->refresh(now(), *target_);
  }
  daemon_.participant().changed();
  finish_within(kLengthPatience);
  answers_ = daemon_.participant().dht().stats().replies_received;
  end_if_nobody_answers(kAnswerPatience);
  look();
}

// Who is alone, or was asked and heard nothing of anybody, is not kept waiting. (A node that has
// just started is given the time to meet somebody.)
void LengthCheck::end_if_nobody_answers(Duration patience) {
  auto& participant = daemon_.participant();
  const bool heard = participant.dht().stats().replies_received != answers_ || !dials_.empty() ||
                     resolving_ > 0 || !participant.hub().streams().empty();
  if (heard) return;
  if (!daemon_.has_contact() && !daemon_.may_meet_somebody()) patience = Duration::zero();
  silence_timer_.expires_after(patience);
  silence_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    if (daemon_.participant().dht().stats().replies_received != answers_) return;
    finish_within(Duration::zero());
  });
}

LengthCheck::~LengthCheck() {
  if (download_ == 0) return;
  auto& participant = daemon_.participant();
  participant.hub().replication().cancel_download(now(), number_, download_);
  if (joins_) daemon_.feeds().stop_search(number_);
  participant.changed();
}

void LengthCheck::dial(const std::string& peer) {
  ++resolving_;
  const auto dial_all = [this, alive = std::weak_ptr(alive_)](const LookupResult& result) {
    if (alive.expired()) return;
    --resolving_;
    const auto& discovery_key = daemon_.feeds().find(number_)->record.discovery_key;
    for (const auto endpoint : result.endpoints) {
      dials_.insert(daemon_.participant().hub().dial(now(), endpoint, {discovery_key}));
    }
    daemon_.participant().changed();
    if (download_ != 0) look();
  };
  resolve_once(daemon_.name_lookup(), peer, dial_all);
}

void LengthCheck::handle(const overlay::FeedNews& news) {
  if (const auto* joined = std::get_if<overlay::FeedPeerJoined>(&news.what)) {
    in_sync_ = false;
    dials_.erase(joined->conn);
  } else if (const auto* refused = std::get_if<overlay::FeedRefused>(&news.what)) {
    if (dials_.erase(refused->conn) == 0) ++gone_;
  } else if (const auto* event = std::get_if<overlay::ReplicatorEvent>(&news.what)) {
    const auto* sync = std::get_if<overlay::InSync>(event);
    in_sync_ = in_sync_ || (sync && sync->download == download_);
  }
  look();
}

void LengthCheck::handle(const overlay::HubEvent& event) {
  const Overloaded take{[this](const overlay::DialFailed& failed) { dials_.erase(failed.conn); },
                        [this](const overlay::StreamDown& down) { dials_.erase(down.stream.conn); },
                        [this](const overlay::SwarmEvent& swarm) {
                          const auto* ended = std::get_if<overlay::LookupEnded>(&swarm);
                          if (ended && target_ && ended->target == *target_) {
                            is_searching_ = false;
                            expected_ = ended->peers;
                          }
                          if (std::holds_alternative<overlay::AttemptFailed>(swarm)) ++gone_;
                        },
                        [](const auto&) {}};
  std::visit(take, event);
  look();
}

// Ends the check once everybody who is known to have the feed was asked, or is gone.
void LengthCheck::look() {
  const auto peers = daemon_.participant().hub().replication().peers(number_);
  const bool asked =
      peers.empty() || in_sync_ || std::ranges::any_of(peers, [this](const auto& peer) {
        return peer.fork > daemon_.feeds().feed(number_)->fork();
      });
  // Another holder of the identity may be the one who has more.
  const auto& duplicates = daemon_.participant().duplicates();
  const bool knows_itself = duplicates.has_looked() || !daemon_.has_contact();
  const bool all_here = !is_searching_ && dials_.empty() && resolving_ == 0 && knows_itself &&
                        peers.size() + gone_ >= expected_;
  if (asked && all_here) finish_within(Duration::zero());
}

void LengthCheck::finish_within(Duration patience) {
  timer_.expires_after(patience);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    if (const auto done = std::exchange(on_done_, nullptr)) done(verdict());
  });
}

Outcome<void> LengthCheck::verdict() {
  if (auto may = daemon_.may_append(); !may) return may;
  const auto& feed = *daemon_.feeds().feed(number_);
  for (const auto& peer : daemon_.participant().hub().replication().peers(number_)) {
    if (peer.rejected || peer.fork <= feed.fork()) continue;
    return fail_with(
        ExitCode::conflict,
        fmt::format(
            "a peer holds a rewritten history of this feed (fork {}, here {}): this home is "
            "older than the one that cut it",
            peer.fork, feed.fork()),
        "append there, or make a new feed here");
  }
  if (feed.length() > length_) {
    return fail_with(
        ExitCode::conflict,
        fmt::format("others hold a longer history of this feed: {} blocks, here {}. This home is a "
                    "copy, or was restored from a backup",
                    feed.length(), length_),
        "nothing was appended; the longer history counts here now. Never append from two homes; if "
        "this is the only one, fetch what is missing with feed download, and append again");
  }
  daemon_.feeds().note_length_asked(number_);
  return {};
}

}  // namespace cip::node
