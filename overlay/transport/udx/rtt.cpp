#include "overlay/transport/udx/rtt.hpp"

#include <algorithm>

namespace cip::overlay {

namespace {
constexpr Duration kPlausibleRtt = std::chrono::seconds(5);
}  // namespace

void UdxRtt::sample(TimePoint now, Duration rtt) {
  rtt = std::max(rtt, Duration::zero());
  if (!has_sample_) {
    has_sample_ = true;
    rtt = std::min(rtt, kPlausibleRtt);
    srtt_ = rtt;
    rttvar_ = rtt / 2;
  } else {
    rtt = std::min(rtt, std::max(kPlausibleRtt, srtt_ + 5 * rttvar_));
    const auto difference = srtt_ > rtt ? srtt_ - rtt : rtt - srtt_;
    rttvar_ = (3 * rttvar_ + difference) / 4;
    srtt_ = (7 * srtt_ + rtt) / 8;
  }
  min_.add(now, rtt, kMinRttWindow);
}

Duration UdxRtt::rto() const {
  if (!has_sample_) return kFirstUdxRto;
  return std::clamp(srtt_ + 4 * rttvar_, kMinUdxRto, kMaxUdxRto);
}

}  // namespace cip::overlay
