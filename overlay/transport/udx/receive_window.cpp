#include "overlay/transport/udx/receive_window.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace cip::overlay {

namespace {
// A round of loopback is too short for half a budget to arrive in it.
constexpr Duration kShortestRound = std::chrono::milliseconds(1);
// Without a sample: the own first packet was repeated, so that a round trip is likely to be longer
// than its first timer (udx.md 6.3).
constexpr Duration kUnknownRound = std::chrono::milliseconds(200);
}  // namespace

bool UdxReceiveRoom::take(std::size_t bytes) {
  if (bytes > left()) return false;
  held_ += bytes;
  return true;
}

void UdxReceiveRoom::give_back(std::size_t bytes) {
  CIP_ASSERT(bytes <= held_);
  held_ -= bytes;
}

void UdxReceiveWindow::on_in_order(TimePoint now, std::size_t bytes, Duration rtt,
                                   std::size_t room_left) {
  const auto round = rtt == Duration::zero() ? kUnknownRound : std::max(rtt, kShortestRound);
  if (now - round_began_ > round) {
    round_began_ = now;
    round_from_ = in_order_;
  }
  in_order_ += bytes;
  if (in_order_ - round_from_ <= budget_ / 2 || room_left < kReceiveRoom / 2) return;
  budget_ = std::min(2 * budget_, kMaxReceiveBudget);
  round_began_ = now;
  round_from_ = in_order_;
}

std::uint64_t UdxReceiveWindow::edge(std::size_t held, std::size_t room_left) const {
  const auto free = std::min(budget_ - std::min(held, budget_), room_left);
  return std::max(advertised_, in_order_ + free / kReceiveStep * kReceiveStep);
}

std::uint32_t UdxReceiveWindow::advertise(std::size_t held, std::size_t room_left) {
  advertised_ = edge(held, room_left);
  // A packet may reach over the edge: what is in order then ends behind it.
  return static_cast<std::uint32_t>(advertised_ - std::min(in_order_, advertised_));
}

bool UdxReceiveWindow::has_opened(std::size_t held, std::size_t room_left) const {
  const auto opened = edge(held, room_left) - advertised_;
  const bool was_closed = advertised_ <= in_order_;
  return opened > 0 && (was_closed || opened >= budget_ / 2);
}

}  // namespace cip::overlay
