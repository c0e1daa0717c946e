#include "overlay/transport/udx/ack_aggregation.hpp"

#include <algorithm>

#include "overlay/transport/udx/units.hpp"

namespace cip::overlay {

namespace {
constexpr std::uint8_t kRounds = 5;
constexpr Duration kMostSurplus = std::chrono::milliseconds(100);
}  // namespace

void UdxAckAggregation::on_ack(TimePoint now, std::size_t delivered, std::uint64_t bandwidth,
                               std::size_t window) {
  auto expected = bytes_in(now - since_, bandwidth);
  if (delivered_ <= expected) {
    since_ = now;
    delivered_ = 0;
    expected = 0;
  }
  delivered_ += delivered;
  const auto surplus = as_size(delivered_ - std::min(delivered_, expected));
  largest_[0] = std::max(largest_[0], std::min(surplus, window));
}

void UdxAckAggregation::on_round() {
  if (++rounds_ < kRounds) return;
  rounds_ = 0;
  largest_ = {0, largest_[0]};
}

std::size_t UdxAckAggregation::surplus(std::uint64_t bandwidth) const {
  const auto most = as_size(bytes_in(kMostSurplus, bandwidth));
  return std::min(std::max(largest_[0], largest_[1]), most);
}

}  // namespace cip::overlay
