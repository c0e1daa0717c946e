#include "dht/congestion_window.hpp"

namespace cip::dht {

void CongestionWindow::add(TimePoint now) {
  advance(now);
  ++slots_[current_];
  ++total_;
}

void CongestionWindow::remove(TimePoint now, TimePoint sent) {
  advance(now);
  const auto ago = sent >= slot_began_ ? 0 : (slot_began_ - sent + kSlot - Duration(1)) / kSlot;
  if (ago >= static_cast<Duration::rep>(slots_.size())) return;
  auto& slot = slots_[(current_ + slots_.size() - static_cast<std::size_t>(ago)) % slots_.size()];
  if (slot == 0) return;
  --slot;
  --total_;
}

void CongestionWindow::advance(TimePoint now) {
  const auto passed = (now - slot_began_) / kSlot;
  if (passed <= 0) return;
  slot_began_ += passed * kSlot;
  for (std::int64_t i = 0; i < passed && i < 4; ++i) {
    current_ = (current_ + 1) % slots_.size();
    total_ -= slots_[current_];
    slots_[current_] = 0;
  }
}

}  // namespace cip::dht
