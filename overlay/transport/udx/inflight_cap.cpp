#include "overlay/transport/udx/inflight_cap.hpp"

#include <algorithm>
#include <cmath>

namespace cip::overlay {

namespace {

constexpr double kTolerated = 0.02;
constexpr double kDeviations = 3;     // a false alarm in 700 rounds
constexpr double kKept = 0.7;         // of the flight that overran; with 0.85 latecomers starve
constexpr double kKeptOfPath = 0.85;  // of the bdp, at least
constexpr unsigned kLeastLost = 3;    // packets; fewer say little of a round
constexpr Duration kStands = std::chrono::seconds(2);
constexpr Duration kStandsSpread = std::chrono::seconds(1);
// A cap that has grown to so many times the path is no cap.
constexpr std::size_t kForgottenAbove = 4;

std::size_t part(double share, std::size_t bytes) {
  return static_cast<std::size_t>(share * static_cast<double>(bytes));
}

}  // namespace

void UdxInflightCap::on_flight(std::size_t in_flight) { flight_ = std::max(flight_, in_flight); }

bool UdxInflightCap::has_excess(std::size_t packet_size, unsigned least_packets) const {
  const auto packets = [&](std::size_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(packet_size);
  };
  const auto lost = packets(round_.lost);
  const auto sent = packets(round_.lost + round_.delivered);
  // Laplace's rule of succession: a few rounds without loss do not prove that there is none.
  const auto known = packets(noise_.lost + noise_.delivered) + 2;
  const auto noise = (packets(noise_.lost) + 1) / known;
  // Of the difference between this round and what is known.
  const auto deviation = std::sqrt(sent * noise * (1 - noise) * (1 + sent / known));
  return lost >= least_packets && lost > sent * (noise + kTolerated) + kDeviations * deviation;
}

void UdxInflightCap::end_round(TimePoint now, Round kind, std::size_t packet_size, std::size_t bdp,
                               Random& random) {
  // What the path holds without a queue cannot overflow one.
  if (kind == Round::full && std::max(flight_, last_flight_) <= bdp) kind = Round::below;
  if (kind == Round::below) {
    noise_ = {noise_.delivered * 3 / 4 + round_.delivered, noise_.lost * 3 / 4 + round_.lost};
  }
  const bool excess = has_excess(packet_size, kLeastLost);
  if (excess && kind == Round::full) set(now, bdp, random);
  if (!excess && cap_ && now >= clean_until_) {
    grow(packet_size);
    if (*cap_ > kForgottenAbove * bdp) cap_.reset();
  }
  round_ = {};
  last_flight_ = flight_;
  flight_ = 0;
}

void UdxInflightCap::set(TimePoint now, std::size_t bdp, Random& random) {
  const auto reached = std::max(flight_, last_flight_);
  const auto arrived =
      static_cast<double>(round_.delivered) / static_cast<double>(round_.delivered + round_.lost);
  cap_ = std::max(part(std::min(kKept, arrived), reached), part(kKeptOfPath, bdp));
  const auto spread = static_cast<std::uint64_t>(kStandsSpread.count());
  clean_until_ = now + kStands + Duration(static_cast<Duration::rep>(random.below(spread)));
  step_ = 0;
}

void UdxInflightCap::grow(std::size_t packet_size) {
  step_ = step_ == 0 ? 1 : 2 * step_;
  *cap_ += step_ * packet_size;
}

}  // namespace cip::overlay
