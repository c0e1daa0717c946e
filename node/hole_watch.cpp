#include "node/hole_watch.hpp"

#include <algorithm>

#include "node/clock.hpp"
#include "node/disk_keeper.hpp"
#include "node/feed_library.hpp"
#include "node/topic_library.hpp"

namespace cip::node {

namespace {

constexpr Duration kHoleTick = std::chrono::milliseconds(500);

}  // namespace

HoleWatch::HoleWatch(Daemon& daemon, const Bytes32& topic, overlay::SubscriptionId subscription)
    : daemon_(daemon), topic_(topic), subscription_(subscription), timer_(daemon.io()) {
  listening_ = daemon.participant().hub_events.listen([this](const overlay::HubEvent& event) {
    if (const auto* swarm = std::get_if<overlay::SwarmEvent>(&event)) handle(*swarm);
  });
  tick();
}

void HoleWatch::tick() {
  timer_.expires_after(kHoleTick);
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
    const auto end = end_of(feed, place);
    const bool is_old = known != holes_.end() && known->second.place == place && end > place;
    left[feed] = {place, is_old ? known->second.since : time.mono, end};
  }
  holes_ = std::move(left);
  if (holes_.empty()) {
    unreachable_.clear();
    return;
  }
  ask_around(time);
  const auto patience = has_asked_everybody() ? kHolePatience : kHoleLimit;
  for (const auto& [feed, hole] : holes_) {
    if (time.mono - hole.since >= patience) machine.pass_hole(time, subscription_, feed, hole.end);
  }
  daemon_.topics().turn();
}

void HoleWatch::ask_around(Now time) {
  if (looked_at_ && time.mono - *looked_at_ < kHoleLook) return;
  looked_at_ = time.mono;
  has_looked_ = false;
  unreachable_.clear();
  daemon_.participant().hub().swarm()->refresh(time, topic_);
}

void HoleWatch::handle(const overlay::SwarmEvent& event) {
  if (const auto* ended = std::get_if<overlay::LookupEnded>(&event)) {
    if (ended->target == topic_ && !ended->error) has_looked_ = true;
  } else if (const auto* failed = std::get_if<overlay::AttemptFailed>(&event)) {
    if (holes_.empty()) return;
    const auto sought = daemon_.participant().hub().swarm()->candidates_for(topic_);
    if (std::ranges::find(sought, failed->peer) != sought.end()) unreachable_.insert(failed->peer);
  }
}

// Up to which place nobody gives what is missing; `place` itself: somebody has it, or may still say
// so, or there is no room for it.
std::uint64_t HoleWatch::end_of(const Bytes32& key, std::uint64_t place) const {
  auto& replication = daemon_.participant().hub().replication();
  const auto* feed = replication.feed_by_key(key);
  const auto* open = feed == nullptr ? nullptr : daemon_.feeds().find(feed->number());
  if (open == nullptr || daemon_.disk().is_topics_full()) return place;
  const auto state = open->following ? replication.state_of(feed->number(), *open->following, place)
                                     : std::nullopt;
  if (!state) return open->following ? place : feed->length();
  const bool may_come = state->requests > 0 || state->unheard > 0 || feed->uncommitted_bytes() > 0;
  return may_come ? place : state->offered;
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
