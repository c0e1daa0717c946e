#pragma once

// Congestion control by a model of the path, its bandwidth and its round trip, instead of by loss
// (udx.md 7): draft-cardwell-iccrg-bbr-congestion-control, the state machine of version 1 with what
// later versions do for shallow queues. Where it differs from the draft:
// - startup ends by loss only in a round without growth: loss while the bandwidth still grows is
// noise
//   of the link, and who stopped there would creep up by a quarter per cycle;
// - phases of the cycle last whole rounds, so that the loss of a round belongs to one speed;
// - the cap on the flight knows the noise of the path (inflight_cap.hpp).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/transport/udx/ack_aggregation.hpp"
#include "overlay/transport/udx/congestion.hpp"
#include "overlay/transport/udx/inflight_cap.hpp"
#include "overlay/transport/udx/windowed.hpp"

namespace cip::overlay {

class UdxBbr final : public UdxCongestion {
 public:
  enum class Mode : std::uint8_t { startup, drain, probe_bandwidth, probe_rtt };

  // random outlives it; it keeps streams apart that would otherwise probe at the same time.
  UdxBbr(Random& random, std::size_t packet_size);

  void set_packet_size(std::size_t bytes) override;
  void on_sent(TimePoint now, std::size_t bytes, std::size_t in_flight_before) override;
  void on_ack(TimePoint now, const AckSample& sample) override;
  void on_lost(TimePoint now, std::size_t bytes, std::size_t in_flight) override;
  void on_rto(TimePoint now, std::size_t in_flight) override;

  std::size_t window() const override;
  std::optional<std::uint64_t> pacing_rate() const override;

  // --- what it believes of the path

  Mode mode() const { return mode_; }
  std::uint64_t bandwidth() const { return bandwidth_.best(); }  // bytes per second; 0: no sample
  std::optional<Duration> min_rtt() const { return min_rtt_; }
  std::optional<std::size_t> flight_cap() const { return cap_.bytes(); }

 private:
  // --- the model
  bool is_round_end(TimePoint now, const AckSample& sample) const;
  void update_bandwidth(const RateSample& rate);
  void update_min_rtt(TimePoint now, const AckSample& sample);
  void end_round(TimePoint now, const RateSample& rate);
  void check_full_pipe(bool app_limited);

  // --- the state machine
  void advance(TimePoint now, const AckSample& sample, bool round_ended);
  void enter_probe_bandwidth(TimePoint now);
  void set_phase(TimePoint now, std::uint8_t phase);
  void advance_phase(TimePoint now);
  void advance_probe_rtt(TimePoint now, std::size_t in_flight);
  void leave_probe_rtt(TimePoint now);
  double pacing_gain() const;

  // --- what follows from both
  std::size_t flight_for(double gain) const;
  std::size_t minimum_window() const;
  std::size_t probe_rtt_window() const;
  void update_window(std::size_t delivered);
  void update_rate();

  Random& random_;
  std::size_t packet_size_;
  std::size_t window_;
  std::uint64_t rate_;  // bytes per second
  WindowedMax<std::uint64_t, std::uint32_t> bandwidth_;
  UdxAckAggregation aggregation_;
  UdxInflightCap cap_;

  std::uint32_t round_ = 0;
  std::uint64_t delivered_ = 0;   // bytes, as the last sample said
  std::uint64_t round_ends_ = 0;  // with a packet that was sent when so many were delivered
  TimePoint round_began_{};
  double sent_gain_ = 0;  // pacing gain in the round before this one

  std::uint64_t full_bandwidth_ = 0;  // the bandwidth when it last grew by a quarter
  std::uint8_t flat_rounds_ = 0;      // rounds since
  bool full_ = false;                 // the pipe was filled once

  std::optional<Duration> min_rtt_;  // of the last 10 s
  TimePoint min_rtt_at_{};
  Duration recent_rtt_ = Duration::max();  // the least since the last PROBE_RTT, or of 5 s
  TimePoint recent_rtt_at_{};
  std::optional<TimePoint> limited_at_;  // when the stream was last idle or had too little to send

  Mode mode_ = Mode::startup;
  std::uint8_t phase_ = 0;  // of the cycle of PROBE_BW
  TimePoint phase_at_{};
  std::optional<TimePoint> probe_rtt_until_;  // none: the flight has not come down yet
  std::uint32_t probe_rtt_round_ = 0;         // it lasts beyond this round

  std::optional<std::size_t> before_rto_;  // window to come back to
};

}  // namespace cip::overlay
