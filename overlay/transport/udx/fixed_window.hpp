#pragma once

// A window of so many packets, whatever happens: for vectors and for tests of what lies above it.

#include "overlay/transport/udx/congestion.hpp"

namespace cip::overlay {

class UdxFixedWindow final : public UdxCongestion {
 public:
  explicit UdxFixedWindow(std::size_t packets) : packets_(packets) {}

  void set_packet_size(std::size_t bytes) override { packet_size_ = bytes; }
  void on_sent(TimePoint, std::size_t, std::size_t) override {}
  void on_ack(TimePoint, const AckSample&) override {}
  void on_lost(TimePoint, std::size_t, std::size_t) override {}
  void on_rto(TimePoint, std::size_t) override {}
  std::size_t window() const override { return packets_ * packet_size_; }
  std::optional<std::uint64_t> pacing_rate() const override { return std::nullopt; }

 private:
  std::size_t packets_;
  std::size_t packet_size_ = 1152;
};

}  // namespace cip::overlay
