#include "overlay/transport/udx/mtu_search.hpp"

#include <algorithm>

namespace cip::overlay {

namespace {

constexpr std::uint8_t kTries = 3;
constexpr std::size_t kCloseEnough = 8;
constexpr Duration kSearchAgain = std::chrono::minutes(10);
// Sooner after a black hole: a link that was down for a second looks like one.
constexpr Duration kSearchAfterBlackHole = std::chrono::seconds(10);
constexpr std::uint8_t kShrinkAfter = 2;
constexpr std::uint8_t kCloseAfter = 4;

}  // namespace

std::size_t udx_payload_ceiling(std::size_t link_mtu, bool large_datagrams) {
  const auto link = link_mtu - std::min(link_mtu, kUdxOverhead);
  return std::clamp(link, kUdxBasePayload, large_datagrams ? kMaxUdxPayload : kMaxStockPayload);
}

void UdxMtuSearch::set_path(std::size_t ceiling) {
  *this = UdxMtuSearch{};
  set_ceiling(ceiling);
}

void UdxMtuSearch::set_ceiling(std::size_t ceiling) {
  ceiling_ = std::max(ceiling, kUdxBasePayload);
  proven_ = std::min(proven_, ceiling_);
  begin();
}

void UdxMtuSearch::begin() {
  failed_ = ceiling_ + 1;
  losses_ = 0;
}

bool UdxMtuSearch::has_ended() const {
  if (failed_ > ceiling_) return proven_ >= ceiling_;
  return failed_ - proven_ <= kCloseEnough;
}

std::optional<std::size_t> UdxMtuSearch::probe(TimePoint now) {
  if (out_ != 0 || !heard_ || proven_ >= ceiling_) return std::nullopt;
  if (has_ended()) {
    if (now < again_) return std::nullopt;
    begin();
  }
  const auto highest = std::min(ceiling_, proven_ + kMaxUdxPadding);
  return failed_ > highest ? highest : (proven_ + failed_) / 2;
}

void UdxMtuSearch::on_probe_sent(std::size_t size) { out_ = size; }

void UdxMtuSearch::on_probe_delivered(TimePoint now, std::size_t size) {
  on_delivered(size);
  if (size != out_) return;
  out_ = 0;
  losses_ = 0;
  proven_ = std::clamp(size, proven_, ceiling_);
  again_ = now + kSearchAgain;
}

void UdxMtuSearch::on_probe_lost(TimePoint now, std::size_t size) {
  if (size != out_) return;
  out_ = 0;
  if (++losses_ < kTries) return;
  losses_ = 0;
  failed_ = size;
  again_ = now + kSearchAgain;
}

void UdxMtuSearch::on_delivered(std::size_t size) {
  heard_ = true;
  if (size > kUdxBasePayload) {
    rtos_ = 0;
  } else {
    small_arrive_ = true;
  }
}

UdxMtuSearch::Verdict UdxMtuSearch::on_rto(TimePoint now, std::size_t size) {
  if (size <= kUdxBasePayload) return Verdict::none;
  if (rtos_ == 0) small_arrive_ = false;
  if (rtos_ < kCloseAfter) ++rtos_;
  if (rtos_ == kShrinkAfter) {
    proven_ = kUdxBasePayload;
    failed_ = kUdxBasePayload + 1;
    losses_ = 0;
    again_ = now + kSearchAfterBlackHole;
    return Verdict::shrink;
  }
  return rtos_ >= kCloseAfter && small_arrive_ ? Verdict::close : Verdict::none;
}

}  // namespace cip::overlay
