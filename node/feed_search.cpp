#include "node/feed_search.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/machine.hpp"
#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/handlers/walk.hpp"

namespace cip::node {

FeedSearch::FeedSearch(Daemon& daemon, store::FeedNumber number, std::vector<std::string> peers,
                       Duration patience, std::function<void(Error)> on_hopeless)
    : daemon_(daemon),
      number_(number),
      target_(daemon.feeds().find(number)->record.discovery_key),
      named_(!peers.empty()),
      patience_(patience),
      on_hopeless_(std::move(on_hopeless)),
      peers_(daemon.participant(), daemon, target_,
             [this](const DialledPeer& peer) { handle(peer); }),
      redials_(daemon.participant(), target_,
               {[this](overlay::ConnId conn) { dials_.insert(conn); },
                [this](const std::string& sentence) {
                  if (on_notice) on_notice(sentence);
                }}),
      timer_(daemon.io()),
      contact_timer_(daemon.io()),
      look_timer_(daemon.io()) {
  listening_ = daemon_.participant().hub_events.listen(
      [this](const overlay::HubEvent& event) { handle(event); });
  had_peer_ = !daemon_.participant().hub().replication().peers(number_).empty();
  for (const auto& peer : peers) peers_.dial(peer);
  if (!named_) {
    wait_for_contact(daemon_.seek_contact());
    search_ = daemon_.feeds().search(number_);
    auto& swarm = *daemon_.participant().hub().swarm();
    for (const auto& peer : swarm.candidates_for(target_)) candidates_.try_emplace(peer);
    // A search that goes on for somebody else may be in the long pause between two lookups.
    swarm.refresh(now(), target_);
  }
  daemon_.participant().changed();
  wait();
}

void FeedSearch::handle(const DialledPeer& peer) {
  if (peer.dials.empty()) problems_ += "; " + peer.problem;
  for (const auto& dial : peer.dials) {
    if (on_resolved) on_resolved(dial.to.address);
    dials_.insert(dial.conn);
  }
  if (is_named_by_user_done()) give_up();
}

// A node that knows nobody and has nobody left to ask cannot find anything.
void FeedSearch::wait_for_contact(TimePoint until) {
  const auto left = until - now().mono;
  contact_timer_.expires_after(std::max(left, Duration::zero()));
  contact_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired() || patience_ == Duration::zero()) return;
    const bool alone = !daemon_.has_contact() && daemon_.participant().hub().streams().empty();
    if (alone && !had_peer_) give_up();
  });
}

void FeedSearch::handle(const overlay::FeedNews& news) {
  if (const auto* joined = std::get_if<overlay::FeedPeerJoined>(&news.what)) {
    had_peer_ = true;
    left_.erase(joined->conn);
    rest();
    tell_if_asked();
  } else if (const auto* left = std::get_if<overlay::FeedPeerLeft>(&news.what)) {
    if (dials_.contains(left->conn)) left_.insert(left->conn);
    if (daemon_.participant().hub().replication().peers(number_).empty()) look_around();
  } else if (const auto* refused = std::get_if<overlay::FeedRefused>(&news.what)) {
    ++refusals_;
    if (named_) return dial_ended(refused->conn);
    for (const auto& status : daemon_.participant().hub().streams()) {
      if (status.stream.conn == refused->conn) note_gone(status.stream.peer, kAttempts);
    }
  }
}

void FeedSearch::handle(const overlay::HubEvent& event) {
  const Overloaded take{[this](const overlay::DialFailed& failed) {
                          if (dials_.contains(failed.conn) && redials_.try_again(failed)) {
                            dials_.erase(failed.conn);
                          } else {
                            dial_ended(failed.conn);
                          }
                        },
                        [this](const overlay::StreamUp& up) {
                          if (dials_.erase(up.instead_of) == 0) return;
                          dials_.insert(up.stream.conn);
                          tell_if_asked();
                        },
                        [this](const overlay::StreamDown& down) {
                          dial_ended(down.stream.conn);
                          note_gone(down.stream.peer, 1);
                        },
                        [this](const overlay::SwarmEvent& swarm) {
                          if (const auto* ended = std::get_if<overlay::LookupEnded>(&swarm))
                            handle_lookup(*ended);
                          const auto* found = std::get_if<overlay::CandidateFound>(&swarm);
                          if (found && found->target == target_) note_candidate(found->peer);
                          const auto* failed = std::get_if<overlay::AttemptFailed>(&swarm);
                          if (failed) note_gone(failed->peer, 1);
                        },
                        [](const auto&) {}};
  std::visit(take, event);
}

void FeedSearch::handle_lookup(const overlay::LookupEnded& ended) {
  if (ended.target != target_) return;
  ++looks_;
  if (!ended.error) {
    ++lookups_;
    nodes_answered_ = true;
    named_peers_ = std::max(named_peers_, ended.peers);
  }
  if (is_looking_ || looks_ < kLookups) look_again();
  give_up_if_all_asked();
  tell_if_asked();
}

void FeedSearch::look_again() {
  const auto doublings = looks_ < kLookups ? 0 : std::min(looks_ - kLookups + 1, kLookDoublings);
  look_timer_.expires_after(kLookAgain * (1 << doublings));
  look_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (!error && !alive.expired()) look_now();
  });
}

void FeedSearch::look_now() {
  daemon_.participant().hub().swarm()->refresh(now(), target_);
  daemon_.participant().changed();
}

void FeedSearch::look_around() {
  if (named_ || std::exchange(is_looking_, true)) return;
  looks_ = lookups_ = 0;
  look_now();
}

bool FeedSearch::has_asked_named() const { return (named_ || lookups_ > 0) && reached_all(); }

bool FeedSearch::has_asked_everybody() const {
  return (named_ || looks_ >= kLookups) && reached_all();
}

// Each of those known has said something of the feed, or was tried in vain.
bool FeedSearch::reached_all() const {
  const auto& hub = daemon_.participant().hub();
  std::set<overlay::ConnId> joined;
  for (const auto& peer : hub.replication().peers(number_)) joined.insert(peer.conn);
  if (named_) {
    return !is_dialling() && std::ranges::all_of(dials_, [&](auto conn) {
      return joined.contains(conn) || left_.contains(conn);
    });
  }
  return std::ranges::all_of(candidates_, [&](const auto& candidate) {
    if (candidate.second >= kAttempts) return true;
    const auto stream = hub.stream_to(candidate.first);
    return stream && joined.contains(stream->conn);
  });
}

void FeedSearch::tell_if_asked() {
  if (on_asked && has_asked_named()) on_asked();
}

// The swarm bounds how many it keeps; those that it dropped are nobody's any more.
void FeedSearch::note_candidate(const PublicKey& peer) {
  if (!candidates_.try_emplace(peer).second || candidates_.size() <= overlay::kMaxCandidates)
    return;
  const auto kept = daemon_.participant().hub().swarm()->candidates_for(target_);
  const std::set<PublicKey> known(kept.begin(), kept.end());
  std::erase_if(candidates_, [&](const auto& item) { return !known.contains(item.first); });
}

void FeedSearch::note_gone(const PublicKey& peer, unsigned attempts) {
  const auto found = candidates_.find(peer);
  if (found == candidates_.end()) return;
  found->second += attempts;
  give_up_if_all_asked();
  tell_if_asked();
}

void FeedSearch::give_up_if_all_asked() {
  if (named_ || had_peer_ || patience_ == Duration::zero() || lookups_ < kLookups) return;
  if (candidates_.size() >= named_peers_ && reached_all()) give_up();
}

// Of named peers the last one gone ends the search: nobody else will be asked.
void FeedSearch::dial_ended(overlay::ConnId conn) {
  if (dials_.erase(conn) == 0) return;
  left_.erase(conn);
  tell_if_asked();
  if (is_named_by_user_done()) give_up();
}

// Later, since this may be an event in the middle of the owner's start.
void FeedSearch::give_up() {
  timer_.expires_after(Duration::zero());
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    if (const auto hopeless = std::exchange(on_hopeless_, nullptr)) hopeless(verdict());
  });
}

void FeedSearch::wait() {
  if (is_named_by_user_done()) return give_up();
  if (patience_ == Duration::zero()) return;
  timer_.expires_after(patience_);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    if (had_peer_) return wait();
    if (const auto hopeless = std::exchange(on_hopeless_, nullptr)) hopeless(verdict());
  });
}

Error FeedSearch::verdict() const {
  const auto name = to_z32(daemon_.feeds().find(number_)->record.key);
  if (had_peer_ && !(named_ && dials_.empty())) {
    return {ExitCode::timeout, fmt::format("the feed {} did not arrive in time", name),
            "allow more with --timeout DURATION; what came is kept"};
  }
  if (daemon_.feeds().find(number_)->record.writable && problems_.empty()) {
    return {
        ExitCode::not_found,
        fmt::format("blocks of the feed {} were cleared here, and nobody in reach has them", name),
        "name one who has them with --peer, or read another --range"};
  }
  if (refusals_ > 0) {
    return {ExitCode::not_found, fmt::format("the peers reached do not have the feed {}", name),
            "check the key, and that one of its holders is online"};
  }
  if (named_ || named_peers_ > 0 || !candidates_.empty()) {
    return {ExitCode::no_route,
            fmt::format("no peer that has the feed {} can be reached{}", name, problems_),
            "check that one of its holders is online and can be dialled"};
  }
  if (nodes_answered_) {
    return {ExitCode::not_found, fmt::format("nobody announces the feed {}", name),
            "check the key, and that one of its holders joined this overlay"};
  }
  return no_contact_error(daemon_);
}

}  // namespace cip::node
