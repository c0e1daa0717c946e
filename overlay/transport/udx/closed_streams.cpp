#include "overlay/transport/udx/closed_streams.hpp"

namespace cip::overlay {

void UdxClosedStreams::add(TimePoint now, UdxId id, std::optional<UdxFinalAck> answer) {
  while (!order_.empty() &&
         (order_.size() >= kUdxClosedKept || find(now, order_.front()) == nullptr)) {
    closed_.erase(order_.front());
    order_.pop_front();
  }
  if (closed_.insert(id, {now + kUdxClosedTime, answer})) order_.push_back(id);
}

std::optional<UdxFinalAck> UdxClosedStreams::answer(TimePoint now, UdxId id) const {
  const auto* closed = find(now, id);
  return closed != nullptr ? closed->answer : std::nullopt;
}

const UdxClosedStreams::Closed* UdxClosedStreams::find(TimePoint now, UdxId id) const {
  const auto* closed = closed_.find(id);
  return closed != nullptr && now < closed->until ? closed : nullptr;
}

}  // namespace cip::overlay
