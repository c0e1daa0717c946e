#include "overlay/request_table.hpp"

#include <algorithm>

namespace cip::overlay {

std::uint64_t RequestTable::add(InFlight request) {
  if (free_.empty()) {
    slots_.emplace_back();
    free_.push_back(slots_.size());
  }
  const auto id = free_.back();
  free_.pop_back();
  at(id) = {State::in_flight, next_order_++, request};
  ++size_;
  return id;
}

std::optional<InFlight> RequestTable::answer(std::uint64_t id) {
  auto* found = slot(id);
  if (found == nullptr || found->state == State::free) return std::nullopt;
  const auto order = found->order;
  std::optional<InFlight> request;
  if (found->state == State::in_flight) {
    request = found->request;
    --size_;
    release(id);
  }
  wake_resting(order);
  return request;
}

void RequestTable::cancel(std::uint64_t id) {
  auto* found = slot(id);
  if (found == nullptr || found->state != State::in_flight) return;
  found->state = State::cancelled;
  resting_.push_back({found->order, id});
  --size_;
}

std::vector<RequestTable::Cancelled> RequestTable::cancel_all() {
  std::vector<Cancelled> out;
  for (std::uint64_t id = 1; id <= slots_.size(); ++id) {
    if (at(id).state != State::in_flight) continue;
    out.push_back({id, at(id).request});
    cancel(id);
  }
  return out;
}

bool RequestTable::expects(std::uint64_t id) const {
  return id >= 1 && id <= slots_.size() && at(id).state != State::free;
}

RequestTable::Slot* RequestTable::slot(std::uint64_t id) {
  return id >= 1 && id <= slots_.size() ? &at(id) : nullptr;
}

void RequestTable::release(std::uint64_t id) {
  at(id).state = State::free;
  free_.push_back(id);
}

// Answers come roughly in order: one to a later request means that the cancelled ones before it are
// not under way any more. The answer to a cancelled request itself says the same of it.
void RequestTable::wake_resting(std::uint64_t answered_order) {
  if (resting_.empty()) return;
  const auto woken = std::partition(resting_.begin(), resting_.end(), [&](const Resting& resting) {
    return resting.order > answered_order;
  });
  for (auto at = woken; at != resting_.end(); ++at) release(at->id);
  resting_.erase(woken, resting_.end());
}

}  // namespace cip::overlay
