#include "node/hole_watch.hpp"

#include <algorithm>

#include "node/clock.hpp"
#include "node/disk_keeper.hpp"
#include "node/feed_library.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

constexpr Duration kLook = std::chrono::milliseconds(500);

}  // namespace

HoleWatch::HoleWatch(Daemon& daemon, const Bytes32& topic, overlay::SubscriptionId subscription)
    : daemon_(daemon), topic_(topic), subscription_(subscription), timer_(daemon.io()) {
  listening_ = daemon.participant().hub_events.listen([this](const overlay::HubEvent& event) {
    if (const auto* swarm = std::get_if<overlay::SwarmEvent>(&event)) handle(*swarm);
  });
  tick();
}

void HoleWatch::tick() {
  timer_.expires_after(kLook);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    look();
    if (!alive.expired()) tick();
  });
}

void HoleWatch::look() {
  const auto time = now();
  auto& machine = daemon_.topics().machine();
  std::map<Bytes32, Hole> left;
  for (const auto& [feed, place] : machine.holes(subscription_)) {
    const auto known = holes_.find(feed);
    const bool is_old = known != holes_.end() && known->second.place == place && !may_come(feed);
    left[feed] = {place, is_old ? known->second.since : time.mono};
  }
  holes_ = std::move(left);
  if (holes_.empty()) {
    is_looking_ = false;
    return;
  }
  ask_around();
  const auto patience = has_asked_everybody() ? kHolePatience : kHoleLimit;
  for (const auto& [feed, hole] : holes_) {
    if (time.mono - hole.since >= patience) machine.pass_hole(time, subscription_, feed);
  }
  daemon_.topics().turn();
}

void HoleWatch::ask_around() {
  if (std::exchange(is_looking_, true)) return;
  has_looked_ = false;
  unreachable_.clear();
  daemon_.participant().hub().swarm()->refresh(now(), topic_);
}

void HoleWatch::handle(const overlay::SwarmEvent& event) {
  if (const auto* ended = std::get_if<overlay::LookupEnded>(&event)) {
    if (ended->target == topic_) has_looked_ = true;
  } else if (const auto* failed = std::get_if<overlay::AttemptFailed>(&event)) {
    unreachable_.insert(failed->peer);
  }
}

// Somebody has it, or may still say so; or there is no room for it.
bool HoleWatch::may_come(const Bytes32& key) const {
  auto& replication = daemon_.participant().hub().replication();
  const auto* feed = replication.feed_by_key(key);
  const auto* open = feed == nullptr ? nullptr : daemon_.feeds().find(feed->number());
  if (open == nullptr || daemon_.disk().is_topics_full()) return true;
  if (!open->following) return false;
  const auto state = replication.state_of(feed->number(), *open->following);
  return state && (state->requests > 0 || state->unheard > 0 || state->holders > 0 ||
                   feed->uncommitted_bytes() > 0);
}

bool HoleWatch::has_asked_everybody() const {
  if (daemon_.may_meet_somebody()) return false;
  if (!has_looked_) return !daemon_.has_contact();
  const auto streams = daemon_.participant().hub().streams();
  return std::ranges::all_of(
      daemon_.participant().hub().swarm()->candidates_for(topic_), [&](const PublicKey& peer) {
        return unreachable_.contains(peer) || std::ranges::any_of(streams, [&](const auto& stream) {
                 return stream.stream.peer == peer;
               });
      });
}

}  // namespace cip::node
