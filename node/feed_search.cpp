#include "node/feed_search.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/clock.hpp"
#include "node/handlers/walk.hpp"
#include "node/overloaded.hpp"

namespace cip::node {

FeedSearch::FeedSearch(Daemon& daemon, store::FeedNumber number, std::vector<std::string> peers,
                       Duration patience, std::function<void(Error)> on_hopeless)
    : daemon_(daemon),
      number_(number),
      target_(daemon.feeds().find(number)->record.discovery_key),
      named_(!peers.empty()),
      patience_(patience),
      on_hopeless_(std::move(on_hopeless)),
      timer_(daemon.io()) {
  listening_ = daemon_.participant().hub_events.listen(
      [this](const overlay::HubEvent& event) { handle(event); });
  for (const auto& peer : peers) dial(peer);
  if (!named_) search_ = daemon_.feeds().search(number_);
  daemon_.participant().changed();
  wait();
}

void FeedSearch::dial(const std::string& peer) {
  const auto endpoint = parse_endpoint(peer);
  if (!endpoint) {
    ++failed_dials_;
    return;
  }
  dials_[daemon_.participant().hub().dial(now(), *endpoint, {target_})] = peer;
}

void FeedSearch::handle(const overlay::FeedNews& news) {
  if (std::holds_alternative<overlay::FeedPeerJoined>(news.what)) had_peer_ = true;
  if (const auto* refused = std::get_if<overlay::FeedRefused>(&news.what)) {
    ++refusals_;
    if (named_) dial_ended(refused->conn);
  }
}

void FeedSearch::handle(const overlay::HubEvent& event) {
  const Overloaded take{[this](const overlay::DialFailed& failed) { dial_ended(failed.conn); },
                        [this](const overlay::StreamDown& down) { dial_ended(down.stream.conn); },
                        [this](const overlay::SwarmEvent& swarm) {
                          if (const auto* ended = std::get_if<overlay::LookupEnded>(&swarm)) {
                            if (ended->target == target_ && !ended->error) nodes_answered_ = true;
                          }
                          if (const auto* found = std::get_if<overlay::CandidateFound>(&swarm)) {
                            if (found->target == target_) ++candidates_;
                          }
                          if (std::holds_alternative<overlay::AttemptFailed>(swarm))
                            ++failed_attempts_;
                        },
                        [](const auto&) {}};
  std::visit(take, event);
}

// Of named peers the last one gone ends the search: nobody else will be asked.
void FeedSearch::dial_ended(overlay::ConnId conn) {
  if (dials_.erase(conn) == 0) return;
  ++failed_dials_;
  if (dials_.empty() && named_) give_up();
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
  if (named_ && dials_.empty()) return give_up();
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
  if (refusals_ > 0) {
    return {ExitCode::not_found, fmt::format("the peers reached do not have the feed {}", name),
            "check the key, and that one of its holders is online"};
  }
  if (named_ || candidates_ > 0) {
    return {ExitCode::no_route, fmt::format("no peer that has the feed {} can be reached", name),
            "check that one of its holders is online and can be dialled"};
  }
  if (nodes_answered_) {
    return {ExitCode::not_found, fmt::format("nobody announces the feed {}", name),
            "check the key, and that one of its holders joined this overlay"};
  }
  return no_contact_error();
}

}  // namespace cip::node
