#include "dht/rpc.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace cip::dht {
namespace {

constexpr std::size_t kNowhere = SIZE_MAX;

}  // namespace

RequestId Rpc::begin(Now now, Call&& call) {
  if (queued_ >= max_queued_) return {};
  call.request.tid = draw_tid();
  call.request.to = call.to;
  const bool wait = !call.forced && (queued_ > 0 || window_.is_full(now.mono));
  if (pending_.empty()) reserve();
  tids_.push_back(call.request.tid);
  auto& pending = pending_.emplace_back();
  pending.id = {++last_id_};
  pending.call = std::move(call);
  if (wait) {
    queue_.push(Tid{tids_.back()});
    ++queued_;
  } else {
    transmit(now, pending);
  }
  return pending.id;
}

Rpc::Answered Rpc::handle_reply(Now now, Endpoint from, Tid tid) {
  Answered out;
  const auto at = find(tid);
  if (at == kNowhere || pending_[at].transmissions == 0) return out;
  auto& pending = pending_[at];
  if (defences_.match_source && pending.call.to != from) {
    out.match = Match::wrong_source;
    return out;
  }
  out.match = Match::matched;
  out.id = pending.id;
  out.round_trip = now.mono - pending.sent;
  out.retransmitted = pending.transmissions > 1;
  if (!out.retransmitted && pending.call.extra_wait == Duration{}) note_round_trip(out.round_trip);
  out.call = std::move(pending.call);
  const auto sent = pending.sent;
  erase(at);
  window_.remove(now.mono, sent);
  drain_queue(now);
  return out;
}

void Rpc::handle_timeout(Now now) {
  for (std::size_t at = 0; at < pending_.size();) {
    auto& pending = pending_[at];
    if (pending.transmissions == 0 || pending.deadline > now.mono) {
      ++at;
      continue;
    }
    // Nothing of it is on its way any more; silent contacts must not keep others from being asked.
    window_.remove(now.mono, pending.sent);
    if (pending.transmissions > pending.call.retries) {
      overdue_.push(
          {pending.id, std::move(pending.call), true, pending.begun, pending.transmissions});
      erase(at);
      continue;
    }
    Call copy;
    copy.to = pending.call.to;
    copy.purpose = pending.call.purpose;
    copy.owner = pending.call.owner;
    copy.retries = pending.call.retries;
    overdue_.push({pending.id, std::move(copy), false, pending.begun, pending.transmissions});
    transmit(now, pending);
    ++at;
  }
  find_earliest();
  drain_queue(now);
}

std::optional<TimePoint> Rpc::next_timeout() const {
  if (queued_ == 0) return earliest_;
  return earliest_ ? std::min(*earliest_, window_.next_slot()) : window_.next_slot();
}

std::optional<Rpc::Transmission> Rpc::poll_transmission() {
  while (auto tid = to_send_.pop()) {
    const auto at = find(*tid);
    if (at == kNowhere || !pending_[at].to_send) continue;
    auto& pending = pending_[at];
    pending.to_send = false;
    return Transmission{pending.call.socket, pending.call.request, pending.transmissions > 1};
  }
  return std::nullopt;
}

std::optional<Rpc::Overdue> Rpc::poll_overdue() { return overdue_.pop(); }

void Rpc::detach(Purpose purpose, std::uint64_t owner) {
  for (auto& pending : pending_) {
    if (pending.call.purpose != purpose || pending.call.owner != owner) continue;
    pending.call.purpose = Purpose::detached;
    if (pending.transmissions == 0) pending.call.retries = 0;  // still queued: hardly worth it
  }
}

void Rpc::fail_all() {
  for (auto& pending : pending_) {
    overdue_.push(
        {pending.id, std::move(pending.call), true, pending.begun, pending.transmissions});
  }
  release();
  queue_.clear();
  queued_ = 0;
  to_send_.clear();
  earliest_.reset();
}

bool Rpc::is_asking(Endpoint endpoint) const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const Pending& pending) { return pending.call.to == endpoint; });
}

std::size_t Rpc::count(Purpose purpose) const {
  const auto is_it = [&](const Pending& pending) { return pending.call.purpose == purpose; };
  return static_cast<std::size_t>(std::count_if(pending_.begin(), pending_.end(), is_it));
}

// For a walk at once, since it grows anew for each.
void Rpc::reserve() {
  constexpr std::size_t kUsual = 16;
  pending_.reserve(kUsual);
  tids_.reserve(kUsual);
}

// What a walk needed is given back after it: nodes are many, and mostly idle.
void Rpc::release() {
  std::vector<Pending>().swap(pending_);
  std::vector<Tid>().swap(tids_);
}

std::size_t Rpc::memory_bytes() const {
  return pending_.capacity() * sizeof(Pending) + tids_.capacity() * sizeof(Tid) +
         queue_.memory_bytes() + to_send_.memory_bytes() + overdue_.memory_bytes();
}

// Random, so that nobody off the path can guess it; unique among what is under way. The queue's
// bound keeps most of the 65,536 free.
Tid Rpc::draw_tid() {
  for (;;) {
    last_tid_ = defences_.random_tids ? random_->next_u16() : static_cast<Tid>(last_tid_ + 1);
    if (find(last_tid_) == kNowhere) return last_tid_;
  }
}

std::size_t Rpc::find(Tid tid) const {
  const auto at = std::find(tids_.begin(), tids_.end(), tid);
  return at == tids_.end() ? kNowhere : static_cast<std::size_t>(at - tids_.begin());
}

// Three round trips of a contact that was measured. Of others what all have on average, and four
// times what they differ by (RFC 6298): contacts on other continents are not late for being there.
Duration Rpc::patience(const Pending& pending) const {
  auto wait = kMaxTimeout;
  if (pending.call.round_trip) {
    wait = 3 * *pending.call.round_trip;
  } else if (average_) {
    wait = std::max(3 * *average_, *average_ + 4 * deviation_);
  }
  wait = std::clamp(wait, kMinTimeout, kMaxTimeout);
  for (unsigned i = 1; i < pending.transmissions && wait < kMaxTimeout; ++i) wait *= 2;
  return std::min(wait, kMaxTimeout) + pending.call.extra_wait;
}

void Rpc::transmit(Now now, Pending& pending) {
  if (pending.transmissions == 0) pending.begun = now.mono;
  ++pending.transmissions;
  pending.sent = now.mono;
  pending.deadline = now.mono + patience(pending);
  pending.to_send = true;
  to_send_.push(Tid{pending.call.request.tid});
  window_.add(now.mono);
  if (!earliest_ || pending.deadline < *earliest_) earliest_ = pending.deadline;
}

void Rpc::drain_queue(Now now) {
  while (queued_ > 0 && !window_.is_full(now.mono)) {
    const auto tid = queue_.pop();
    CIP_ASSERT(tid.has_value());
    const auto at = find(*tid);
    if (at == kNowhere || pending_[at].transmissions > 0) continue;
    --queued_;
    transmit(now, pending_[at]);
  }
}

void Rpc::erase(std::size_t at) {
  const bool was_earliest = earliest_ && pending_[at].deadline == *earliest_;
  if (pending_[at].transmissions == 0) --queued_;
  if (at + 1 != pending_.size()) {
    pending_[at] = std::move(pending_.back());
    tids_[at] = tids_.back();
  }
  pending_.pop_back();
  tids_.pop_back();
  if (pending_.empty()) release();
  if (was_earliest) find_earliest();
}

void Rpc::note_round_trip(Duration round_trip) {
  if (!average_) {
    average_ = round_trip;
    deviation_ = round_trip / 2;
    return;
  }
  deviation_ += (std::chrono::abs(round_trip - *average_) - deviation_) / 4;
  *average_ += (round_trip - *average_) / 8;
}

void Rpc::find_earliest() {
  earliest_.reset();
  for (const auto& pending : pending_) {
    if (pending.transmissions == 0) continue;
    if (!earliest_ || pending.deadline < *earliest_) earliest_ = pending.deadline;
  }
}

}  // namespace cip::dht
