#include "overlay/duplicate_watch.hpp"

#include <algorithm>

#include "dht/announcer.hpp"
#include "dht/node.hpp"
#include "dht/routing_table.hpp"

namespace cip::overlay {

// At once: what the other announced is what leads to it, until this side announces itself there.
void DuplicateWatch::start(Now now) {
  due_ = now.mono + pause_;
  look(now);
}

void DuplicateWatch::handle_timeout(Now now) {
  if (!due_ || *due_ > now.mono) return;
  if (met_ && now.mono - met_->last >= kGoneAfter) met_.reset();
  if (running_.empty() && !node_.table().empty()) {
    due_ = now.mono + (met_ ? kLookWhileMet : kLookEvery);
    return look(now);
  }
  // Who knows nobody has nobody to ask.
  due_ = now.mono + pause_;
  pause_ = std::min(2 * pause_, kLookForContactLast);
}

void DuplicateWatch::look(Now now) {
  asked_.clear();
  suspects_ = 0;
  if (met_) suspect(now, met_->at);
  const bool walks = looks_++ % kLooksPerWalk == 0;
  for (const auto& relay : announcer_.relays()) {
    if (asked_.insert(relay.relay).second) greet(now, {.relays = {relay.relay}, .walk = false});
  }
  if (walks || running_.empty()) greet(now, {});
}

void DuplicateWatch::greet(Now now, GreetOptions options) {
  running_.insert(greeter_.greet(now, key_, std::move(options)));
}

void DuplicateWatch::handle_event(Now now, const GreeterEvent& event) {
  if (const auto* answered = std::get_if<HelloAnswered>(&event)) {
    if (answered->peer == key_ && !is_own(answered->seen)) suspect(now, answered->seen);
  } else if (const auto* failed = std::get_if<HelloFailed>(&event)) {
    end_of(failed->id, failed->error != Errc::no_node_answered);
  } else if (const auto* done = std::get_if<HelloDone>(&event);
             done && running_.contains(done->id)) {
    judge(now, *done);
    // The walk ends with the first answer, which may be the own one: the others are asked as well.
    for (const auto relay : done->relays) {
      if (asked_.size() >= 2 * kMaxRelaysTried || !asked_.insert(relay).second) continue;
      greet(now, {.relays = {relay}, .walk = false});
    }
    end_of(done->id, true);
  }
}

void DuplicateWatch::end_of(HelloId id, bool asked) {
  if (running_.erase(id) == 0) return;
  asked_somebody_ = asked_somebody_ || asked;
  if (running_.empty() && asked_somebody_) looked_ = true;
}

void DuplicateWatch::judge(Now now, const HelloDone& done) {
  // What this participant answered itself is pending here, under the id that the stream would show.
  const auto id = stream_id(done.keys.hash, Role::initiator);
  const bool is_ours = done.kind == PeerKind::cipnode && greeter_.find_pending(id) != nullptr;
  if (is_ours) return;
  if (!met_) met_ = Meeting{done.server, now.wall, now.mono, now.mono};
  met_->at = done.server;
  met_->last = now.mono;
  due_ = std::min(due_.value_or(now.mono + kLookWhileMet), now.mono + kLookWhileMet);
}

// Somebody there has, or once had, a hello of the own key.
void DuplicateWatch::suspect(Now now, Endpoint seen) {
  if (asked_.contains(seen) || suspects_++ >= kMostSuspects) return;
  asked_.insert(seen);
  greet(now, {.relays = {seen}, .walk = false});
}

bool DuplicateWatch::is_own(Endpoint endpoint) const {
  const auto& offer = greeter_.offer();
  return std::ranges::find(offer.endpoints, endpoint) != offer.endpoints.end();
}

}  // namespace cip::overlay
