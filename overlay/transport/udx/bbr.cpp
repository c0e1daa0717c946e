#include "overlay/transport/udx/bbr.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "overlay/transport/udx/pacer.hpp"
#include "overlay/transport/udx/units.hpp"

namespace cip::overlay {

namespace {

constexpr std::size_t kInitialPackets = 10;
constexpr std::size_t kMinimumPackets = 4;
constexpr std::size_t kBurstsInFlight = 3;  // one being built, one on its way, one acknowledged
constexpr double kStartupGain = 2.885;      // 2 / ln 2: doubles the rate in each round
constexpr double kDrainGain = 1 / kStartupGain;
constexpr double kWindowGain = 2;
constexpr double kPacingMargin = 0.99;  // a queue that is standing drains by and by
constexpr std::array<double, 8> kCycle = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
constexpr std::uint8_t kDrainPhase = 1;
constexpr std::uint8_t kFirstCruise = 2;

constexpr std::uint32_t kBandwidthRounds = 10;
constexpr double kGrowth = 1.25;
constexpr std::uint8_t kFlatRounds = 3;
constexpr unsigned kStartupLosses = 6;

constexpr Duration kMinRttAge = std::chrono::seconds(10);
constexpr Duration kProbeRttEvery = std::chrono::seconds(5);
constexpr Duration kProbeRttTime = std::chrono::milliseconds(200);
constexpr double kProbeRttGain = 0.5;

constexpr Duration kFirstRound = std::chrono::milliseconds(1);  // assumed before a sample
constexpr Duration kUnpacedRound = std::chrono::microseconds(100);
constexpr std::uint64_t kUnpacedRate = 1'250'000'000;
// However little was delivered lately: the minimum window once per 100 ms.
constexpr std::uint64_t kSlowestRounds = 10;

std::uint64_t scaled(double gain, std::uint64_t value) {
  return static_cast<std::uint64_t>(gain * static_cast<double>(value));
}

// Bytes per second if so many leave in each round.
std::uint64_t rate_of(std::size_t bytes, Duration round) {
  const auto micros = static_cast<std::uint64_t>(std::max(round, Duration(1)).count());
  return bytes * std::uint64_t{1'000'000} / micros;
}

}  // namespace

UdxBbr::UdxBbr(Random& random, std::size_t packet_size)
    : random_(random),
      packet_size_(packet_size),
      window_(kInitialPackets * packet_size),
      rate_(scaled(kStartupGain, rate_of(window_, kFirstRound))) {
  CIP_ASSERT(packet_size > 0);
}

// --- inputs

void UdxBbr::set_packet_size(std::size_t bytes) {
  CIP_ASSERT(bytes > 0);
  packet_size_ = bytes;
}

void UdxBbr::on_sent(TimePoint now, std::size_t bytes, std::size_t in_flight_before) {
  cap_.on_flight(in_flight_before + bytes);
  if (in_flight_before != 0 || !min_rtt_) return;
  // After idle: as fast as the path, not faster, and what had queued up there is gone.
  limited_at_ = now;
  if (mode_ == Mode::probe_rtt) leave_probe_rtt(now);
  if (mode_ == Mode::probe_bandwidth) set_phase(now, kFirstCruise);
  update_rate();
}

void UdxBbr::on_ack(TimePoint now, const AckSample& sample) {
  delivered_ = sample.rate.total_delivered;
  cap_.on_delivered(sample.delivered);
  cap_.on_lost(sample.lost);
  if (sample.rate.app_limited) limited_at_ = now;
  update_min_rtt(now, sample);
  const bool round_ended = is_round_end(now, sample);
  if (round_ended) ++round_;
  update_bandwidth(sample.rate);
  aggregation_.on_ack(now, sample.delivered - sample.late, bandwidth(), window_);
  if (round_ended) end_round(now, sample.rate);
  advance(now, sample, round_ended);
  update_window(sample.delivered);
  update_rate();
}

void UdxBbr::on_lost(TimePoint, std::size_t bytes, std::size_t) { cap_.on_lost(bytes); }

void UdxBbr::on_rto(TimePoint, std::size_t in_flight) {
  if (!before_rto_) before_rto_ = window_;
  window_ = in_flight + packet_size_;
  round_ends_ = delivered_;
  sent_gain_ = 0;
}

// --- the model

// A packet that was repeated without need is acknowledged in less than a round trip, as if it had
// been sent in this round. Many of those would age the bandwidth by ten rounds in no time.
bool UdxBbr::is_round_end(TimePoint now, const AckSample& sample) const {
  const bool took_long_enough = !min_rtt_ || now - round_began_ >= *min_rtt_;
  return sample.delivered > 0 && sample.rate.prior_delivered >= round_ends_ && took_long_enough;
}

void UdxBbr::update_bandwidth(const RateSample& rate) {
  // Without a round trip it is not known which transmission was acknowledged: a repeat that was
  // sent just before the acknowledgement of the original would look like a very fast path.
  if (!rate.bytes_per_second || !min_rtt_) return;
  if (rate.app_limited && *rate.bytes_per_second < bandwidth()) return;
  // What was told late seems to have been delivered at once. Such rates keep what is known from
  // growing old, and prove no more.
  const auto most = rate.late ? bandwidth() : UINT64_MAX;
  bandwidth_.add(round_, std::min(*rate.bytes_per_second, most), kBandwidthRounds);
}

void UdxBbr::update_min_rtt(TimePoint now, const AckSample& sample) {
  const bool probe_is_due = now - recent_rtt_at_ > kProbeRttEvery;
  if (sample.rtt && (*sample.rtt < recent_rtt_ || probe_is_due)) {
    recent_rtt_ = *sample.rtt;
    recent_rtt_at_ = now;
  }
  if (recent_rtt_ == Duration::max()) return;
  const bool first = !min_rtt_;
  if (first || recent_rtt_ <= *min_rtt_ || now - min_rtt_at_ > kMinRttAge) {
    min_rtt_ = recent_rtt_;
    min_rtt_at_ = recent_rtt_at_;
  }
  if (first) rate_ = scaled(kStartupGain, rate_of(window_, *min_rtt_));
  const bool was_limited = limited_at_ && now - *limited_at_ <= kProbeRttEvery;
  if (probe_is_due && !first && !was_limited && mode_ != Mode::probe_rtt) {
    mode_ = Mode::probe_rtt;
    probe_rtt_until_.reset();
  }
}

void UdxBbr::end_round(TimePoint now, const RateSample& rate) {
  using Round = UdxInflightCap::Round;
  round_ends_ = delivered_;
  round_began_ = now;
  const bool grows = scaled(kGrowth, full_bandwidth_) <= bandwidth();
  if (!full_) check_full_pipe(rate.app_limited);
  auto kind = Round::unknown;
  if (mode_ == Mode::startup) {
    if (grows) kind = Round::below;
  } else if (sent_gain_ > 0 && sent_gain_ < 1) {
    kind = Round::below;
  } else if (sent_gain_ >= 1) {
    kind = Round::full;
  }
  if (before_rto_ && cap_.lost_nothing()) {
    window_ = std::max(window_, *before_rto_);
    before_rto_.reset();
  }
  cap_.end_round(now, kind, packet_size_, flight_for(1), random_);
  aggregation_.on_round();
  sent_gain_ = mode_ == Mode::probe_bandwidth ? pacing_gain() : 0;
}

void UdxBbr::check_full_pipe(bool app_limited) {
  if (app_limited) return;
  if (scaled(kGrowth, full_bandwidth_) <= bandwidth()) {
    full_bandwidth_ = bandwidth();
    flat_rounds_ = 0;
    return;
  }
  ++flat_rounds_;
  full_ = flat_rounds_ >= kFlatRounds || cap_.has_excess(packet_size_, kStartupLosses);
}

// --- the state machine

void UdxBbr::advance(TimePoint now, const AckSample& sample, bool round_ended) {
  if (mode_ == Mode::startup && full_) mode_ = Mode::drain;
  if (mode_ == Mode::drain && sample.in_flight <= flight_for(1)) enter_probe_bandwidth(now);
  if (mode_ == Mode::probe_bandwidth && round_ended) advance_phase(now);
  if (mode_ == Mode::probe_rtt) advance_probe_rtt(now, sample.in_flight);
}

void UdxBbr::enter_probe_bandwidth(TimePoint now) {
  mode_ = Mode::probe_bandwidth;
  // Anywhere in the cycle but where it drains: there is nothing to drain.
  const auto drawn = static_cast<std::uint8_t>(random_.below(kCycle.size() - 1));
  set_phase(now, drawn == 0 ? 0 : static_cast<std::uint8_t>(drawn + kDrainPhase));
}

void UdxBbr::set_phase(TimePoint now, std::uint8_t phase) {
  phase_ = phase;
  phase_at_ = now;
}

void UdxBbr::advance_phase(TimePoint now) {
  if (min_rtt_ && now - phase_at_ < *min_rtt_) return;
  set_phase(now, static_cast<std::uint8_t>((phase_ + 1) % kCycle.size()));
}

void UdxBbr::advance_probe_rtt(TimePoint now, std::size_t in_flight) {
  if (!probe_rtt_until_) {
    if (in_flight > probe_rtt_window()) return;
    probe_rtt_until_ = now + kProbeRttTime;
    probe_rtt_round_ = round_;
    return;
  }
  if (now >= *probe_rtt_until_ && round_ != probe_rtt_round_) leave_probe_rtt(now);
}

void UdxBbr::leave_probe_rtt(TimePoint now) {
  recent_rtt_at_ = now;
  if (full_) {
    enter_probe_bandwidth(now);
  } else {
    mode_ = Mode::startup;
  }
}

double UdxBbr::pacing_gain() const {
  switch (mode_) {
    case Mode::startup:
      return kStartupGain;
    case Mode::drain:
      return kDrainGain;
    case Mode::probe_bandwidth:
      return kCycle[phase_];
    case Mode::probe_rtt:
      return 1;
  }
  return 1;
}

// --- what follows from both

// Bytes in flight that fill the path so many times over.
std::size_t UdxBbr::flight_for(double gain) const {
  const auto bdp = bytes_in(min_rtt_.value_or(Duration::zero()), bandwidth());
  const auto least = std::max(minimum_window(), kBurstsInFlight * udx_burst(rate_, packet_size_));
  return std::max(as_size(scaled(gain, bdp)), least);
}

std::size_t UdxBbr::minimum_window() const { return kMinimumPackets * packet_size_; }

std::size_t UdxBbr::probe_rtt_window() const {
  const auto bdp = bytes_in(min_rtt_.value_or(Duration::zero()), bandwidth());
  return std::max(as_size(scaled(kProbeRttGain, bdp)), minimum_window());
}

void UdxBbr::update_window(std::size_t delivered) {
  if (full_) {
    const auto target = flight_for(kWindowGain) + aggregation_.surplus(bandwidth());
    window_ = std::min(window_ + delivered, target);
  } else if (bandwidth() == 0 || window_ < flight_for(kStartupGain)) {
    window_ += delivered;
  }
  window_ = std::clamp(window_, minimum_window(), kMaxUdxFlight);
}

void UdxBbr::update_rate() {
  if (bandwidth() == 0) return;
  const auto rate = scaled(pacing_gain() * kPacingMargin, bandwidth());
  // A few first packets that the application sent slowly say nothing of the path.
  rate_ = full_ ? rate : std::max(rate_, rate);
  rate_ = std::max(rate_, std::uint64_t{kSlowestRounds} * minimum_window());
}

std::size_t UdxBbr::window() const {
  auto window = window_;
  if (mode_ == Mode::probe_rtt) window = std::min(window, probe_rtt_window());
  if (const auto cap = cap_.bytes()) window = std::min(window, std::max(*cap, minimum_window()));
  return window;
}

std::optional<std::uint64_t> UdxBbr::pacing_rate() const {
  if (rate_ > kUnpacedRate || (min_rtt_ && *min_rtt_ < kUnpacedRound)) return std::nullopt;
  return rate_;
}

}  // namespace cip::overlay
