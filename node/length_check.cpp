#include "node/length_check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.hpp"
#include "base/machine.hpp"
#include "node/clock.hpp"
#include "node/participant.hpp"
#include "node/store_error.hpp"

namespace cip::node {

LengthCheck::LengthCheck(Participant& participant, FeedLibrary& feeds, const Reach& reach,
                         store::FeedNumber number, const LengthCheckOptions& options,
                         OnDone on_done)
    : participant_(participant),
      feeds_(feeds),
      reach_(reach),
      number_(number),
      target_(options.target),
      on_done_(std::move(on_done)),
      own_length_(feeds.feed(number)->length()),
      peers_(participant, reach, feeds.find(number)->record.discovery_key,
             [this](const DialledPeer& peer) { handle(peer); }),
      assumes_latest_(options.assumes_latest),
      timer_(participant.io()),
      silence_timer_(participant.io()) {
  if (!feeds_.must_ask_length(number_)) {
    finish_within(Duration::zero());
    return;
  }
  news_ = feeds_.watch(number_, [this](const overlay::FeedNews& news) { handle(news); });
  listening_ =
      participant_.hub_events.listen([this](const overlay::HubEvent& event) { handle(event); });
  overlay::DownloadOptions length;
  length.follow = true;  // peers that come later are asked too
  length.length_only = true;
  auto& hub = participant_.hub();
  download_ = hub.replication().download(now(), number_, length);
  for (const auto& peer : options.peers) peers_.dial(peer);
  if (target_) {
    is_searching_ = true;
    // A topic is joined already.
    if (*target_ == feeds_.find(number_)->record.discovery_key) search_ = feeds_.search(number_);
    hub.swarm()->refresh(now(), *target_);
  }
  participant_.changed();
  finish_within(is_restored() ? kRestoredPatience : kLengthPatience);
  answers_ = participant_.dht().stats().replies_received;
  end_if_nobody_answers(options.silence);
  look();
}

// Who is alone, or was asked and heard nothing of anybody, is not kept waiting. (A node that has
// just started is given the time to meet somebody.)
void LengthCheck::end_if_nobody_answers(Duration patience) {
  const bool heard = participant_.dht().stats().replies_received != answers_ || !dials_.empty() ||
                     peers_.pending() > 0 || !participant_.hub().streams().empty();
  if (heard) return;
  if (!reach_.has_contact() && !reach_.may_meet_somebody()) patience = Duration::zero();
  silence_timer_.expires_after(patience);
  silence_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    if (participant_.dht().stats().replies_received != answers_) return;
    finish_within(Duration::zero());
  });
}

LengthCheck::~LengthCheck() {
  if (download_ != 0) {
    participant_.hub().replication().cancel_download(now(), number_, download_);
  }
  search_.end();
  participant_.changed();
}

void LengthCheck::handle(const DialledPeer& peer) {
  if (peer.dials.empty()) {
    failure_ = Error{ExitCode::no_route, peer.problem,
                     "check --peer; without it the DHT is asked who holds the feed"};
    return finish_within(Duration::zero());
  }
  for (const auto& dial : peer.dials) dials_.insert(dial.conn);
  look();
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
    if (const auto* grew = std::get_if<overlay::LengthGrew>(event)) proved_ = grew->length;
  } else if (const auto* own = std::get_if<store::FeedEvent>(&news.what)) {
    handle(*own);
  }
  look();
}

void LengthCheck::handle(const store::FeedEvent& event) {
  if (const auto* appended = std::get_if<store::Appended>(&event)) own_length_ = appended->length;
  if (const auto* cut = std::get_if<store::Truncated>(&event)) own_length_ = cut->length;
  if (const auto* failed = std::get_if<store::StoreFailed>(&event)) {
    failure_ = error_from(failed->reason, "asking how long the feed is");
    download_ = 0;  // it ended with the feed, which is opened anew
    finish_within(Duration::zero());
  }
}

void LengthCheck::handle(const overlay::HubEvent& event) {
  const Overloaded take{[this](const overlay::DialFailed& failed) {
                          if (dials_.erase(failed.conn) > 0) note_twin(failed);
                        },
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

// A peer that proved the own key is another holder of it, unless it is this node.
void LengthCheck::note_twin(const overlay::DialFailed& failed) {
  if (failed.error != overlay::Errc::own_key || participant_.is_own(failed.to.address)) return;
  twin_ = failed.to.address;
  finish_within(Duration::zero());
}

// Ends the check once everybody who is known to have the feed was asked, or is gone.
void LengthCheck::look() {
  if (failure_) return;
  const auto peers = participant_.hub().replication().peers(number_);
  const bool asked = peers.empty() || in_sync_;
  was_answered_ = was_answered_ ||
                  (in_sync_ && std::ranges::any_of(
                                   peers, [this](const auto& peer) { return has_the_feed(peer); }));
  // Another holder of the identity may be the one who has more.
  const bool knows_itself = participant_.duplicates().has_looked() || !reach_.has_contact();
  const bool all_here = !is_searching_ && dials_.empty() && peers_.pending() == 0 && knows_itself &&
                        peers.size() + gone_ >= expected_;
  if (proved_ || (asked && all_here)) finish_within(Duration::zero());
}

// Who begins to seed it knows nothing of its length.
bool LengthCheck::has_the_feed(const overlay::ReplicatorPeerInfo& peer) const {
  return !peer.rejected && peer.fork == feeds_.feed(number_)->fork() && peer.length >= own_length_;
}

void LengthCheck::finish_within(Duration patience) {
  timer_.expires_after(patience);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    if (const auto done = std::exchange(on_done_, nullptr)) done(verdict());
  });
}

Outcome<void> LengthCheck::verdict() {
  if (failure_) return tl::unexpected(*failure_);
  if (auto may = reach_.may_append(); !may) return may;
  if (twin_) return tl::unexpected(twin_error(*twin_));
  if (const auto fork = feeds_.later_fork(number_)) {
    return fail_with(
        ExitCode::conflict,
        fmt::format(
            "a peer holds a rewritten history of this feed (fork {}, here {}): this home is "
            "older than the one that cut it",
            *fork, feeds_.feed(number_)->fork()),
        "append there, or make a new feed here");
  }
  if (proved_) {
    return fail_with(
        ExitCode::conflict,
        fmt::format("others hold a longer history of this feed: {}, here {}. This home is a "
                    "copy, or was restored from a backup",
                    counted(*proved_, "block"), own_length_),
        "nothing was appended; the longer history counts here now. Never append from two homes; if "
        "this is the only one, fetch what is missing with feed download, and append again");
  }
  if (is_restored() && !was_answered_ && !assumes_latest_) {
    return fail_with(
        ExitCode::no_route,
        "this feed was restored from a backup or imported, and nobody who has it answered: it may "
        "be longer elsewhere",
        "let this node reach one who has it (--peer, --bootstrap); if nothing was appended since "
        "the backup or export, or all of it may go, add --assume-latest");
  }
  feeds_.note_length_asked(number_);
  return {};
}

}  // namespace cip::node
