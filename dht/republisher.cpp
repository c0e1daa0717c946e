#include "dht/republisher.hpp"

#include <algorithm>
#include <utility>

#include "base/machine.hpp"
#include "dht/commands.hpp"
#include "dht/signatures.hpp"

namespace cip::dht {

Target OwnValue::target() const {
  return signed_put ? target_of_key(signed_put->public_key) : target_of_value(immutable);
}

bool Republisher::keep(Now now, OwnValue value, UnixMillis until) {
  const auto target = value.target();
  auto found = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& entry) { return entry.target == target; });
  if (found == entries_.end()) {
    if (entries_.size() >= kMaxValues) return false;
    entries_.push_back({});
    found = std::prev(entries_.end());
  }
  found->target = target;
  found->value = std::move(value);
  constexpr std::uint64_t longest = kLongest / std::chrono::milliseconds(1);
  const auto left = until > now.wall ? std::min(until.value - now.wall.value, longest) : 0;
  found->end = now.mono + std::chrono::milliseconds(left);
  found->until = until;
  found->running = {};
  plan(now, *found, kFirst);
  return true;
}

std::optional<std::uint64_t> Republisher::known_seq(const Target& target) const {
  for (const auto& entry : entries_) {
    if (entry.target == target && entry.value.signed_put) {
      return entry.value.signed_put->signed_value.seq;
    }
  }
  return std::nullopt;
}

std::vector<Republisher::Dated> Republisher::take_moved(Now now) {
  std::vector<Dated> moved;
  constexpr std::uint64_t slack = kDateSlack / std::chrono::milliseconds(1);
  for (auto& entry : entries_) {
    const auto left = std::max(entry.end - now.mono, Duration::zero());
    const UnixMillis date{now.wall.value +
                          static_cast<std::uint64_t>(left / std::chrono::milliseconds(1))};
    const auto [early, late] = std::minmax(date.value, entry.until.value);
    if (late - early <= slack) continue;
    entry.until = date;
    moved.push_back({entry.value, date});
  }
  return moved;
}

void Republisher::plan(Now now, Entry& entry, Duration wait) {
  const auto spread = static_cast<std::uint64_t>(wait.count()) / 8;
  entry.due = now.mono + wait + Duration(random_->below(spread + 1));
}

void Republisher::handle_event(Now now, const Event& event) {
  const auto* done = std::get_if<QueryDone>(&event);
  if (done == nullptr) return;
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.running != QueryId{} && entry.running == done->query;
  });
  if (found == entries_.end()) return;
  found->running = {};
  const bool newer = std::any_of(done->stored.begin(), done->stored.end(), [](const Stored& node) {
    return node.error == static_cast<std::uint64_t>(ReplyError::sequence_too_low);
  });
  if (newer) {
    let_go_.push(Target{found->target});
    entries_.erase(found);
    return;
  }
  plan(now, *found, done->error ? kRetry : kEvery);
}

void Republisher::handle_timeout(Now now) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool over = entry->due <= now.mono && entry->end <= now.mono;
    if (over) let_go_.push(Target{entry->target});
    entry = over ? entries_.erase(entry) : std::next(entry);
  }
  if (next_start_ > now.mono) return;
  Entry* next = nullptr;
  for (auto& entry : entries_) {
    if (entry.running != QueryId{} || entry.due > now.mono) continue;
    if (next == nullptr || entry.due < next->due) next = &entry;
  }
  if (next == nullptr) return;
  next_start_ = now.mono + kSpacing;
  const auto& value = next->value;
  const auto begun = value.signed_put ? node_->put_signed(now, *value.signed_put)
                                      : node_->put_immutable(now, value.immutable);
  // Too large a value was never put, so nothing but an error of ours brings one here.
  if (begun) {
    next->running = *begun;
  } else {
    plan(now, *next, kEvery);
  }
}

std::optional<TimePoint> Republisher::next_timeout() const {
  Earliest out;
  for (const auto& entry : entries_) {
    if (entry.running != QueryId{}) continue;
    out.consider(std::max(entry.due, next_start_));
  }
  return out.get();
}

}  // namespace cip::dht
