#include "overlay/transport/udx/delivery_rate.hpp"

#include <algorithm>
#include <utility>

#include "overlay/transport/udx/units.hpp"

namespace cip::overlay {

SendMark UdxDeliveryRate::on_sent(TimePoint now, std::size_t in_flight) {
  // Time without anything in flight says nothing of the path.
  if (in_flight == 0) first_sent_ = delivered_at_ = now;
  return {now, delivered_, delivered_at_, first_sent_, app_limited_until_ != 0};
}

void UdxDeliveryRate::on_delivered(TimePoint now, const SendMark& mark, std::size_t bytes) {
  delivered_ += bytes;
  delivered_at_ = now;
  if (newest_ && mark.sent < newest_->sent) return;
  newest_ = mark;
  first_sent_ = mark.sent;
}

RateSample UdxDeliveryRate::take_sample(TimePoint now, Duration min_rtt) {
  if (app_limited_until_ != 0 && delivered_ > app_limited_until_) app_limited_until_ = 0;
  RateSample sample;
  sample.total_delivered = delivered_;
  const auto mark = std::exchange(newest_, std::nullopt);
  if (!mark) {
    sample.prior_delivered = delivered_;
    return sample;
  }
  sample.prior_delivered = mark->delivered;
  sample.app_limited = mark->app_limited;
  sample.late = mark->delivered < late_until_;
  sample.delivered = as_size(delivered_ - mark->delivered);
  sample.interval = std::max(mark->sent - mark->first_sent, now - mark->delivered_at);
  if (sample.interval <= Duration::zero() || sample.interval < min_rtt) return sample;
  const auto micros = static_cast<std::uint64_t>(sample.interval.count());
  sample.bytes_per_second = sample.delivered * std::uint64_t{1'000'000} / micros;
  return sample;
}

void UdxDeliveryRate::set_app_limited(std::size_t in_flight) {
  app_limited_until_ = std::max<std::uint64_t>(delivered_ + in_flight, 1);
}

}  // namespace cip::overlay
