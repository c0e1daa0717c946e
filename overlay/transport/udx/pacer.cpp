#include "overlay/transport/udx/pacer.hpp"

#include <algorithm>

#include "overlay/transport/udx/units.hpp"

namespace cip::overlay {

std::size_t udx_burst(std::uint64_t bytes_per_second, std::size_t packet_size) {
  const auto wanted = as_size(bytes_in(kUdxBurstTime, bytes_per_second));
  return std::min(std::max(wanted, 2 * packet_size), kMaxUdxBurst);
}

std::int64_t UdxPacer::debt_at(TimePoint now, std::uint64_t rate) const {
  const auto worth = [rate](Duration time) {
    return static_cast<std::int64_t>(bytes_in(time, rate));
  };
  return std::max(debt_ - worth(now - at_), -worth(kUdxBurstTime));
}

std::size_t UdxPacer::allowance(TimePoint now, Rate rate, std::size_t packet_size) const {
  if (!rate) return kMaxUdxBurst;
  return debt_at(now, *rate) > 0 ? 0 : udx_burst(*rate, packet_size);
}

void UdxPacer::on_sent(TimePoint now, Rate rate, std::size_t bytes) {
  debt_ = rate ? debt_at(now, *rate) + static_cast<std::int64_t>(bytes) : 0;
  at_ = now;
}

TimePoint UdxPacer::next(Rate rate) const {
  if (!rate || debt_ <= 0) return at_;
  constexpr std::int64_t kMicros = 1'000'000;
  const auto bytes_per_second = static_cast<std::int64_t>(*rate);
  return at_ + Duration((debt_ * kMicros + bytes_per_second - 1) / bytes_per_second);
}

}  // namespace cip::overlay
