#include "dht/congestion_window.hpp"

namespace cip::dht {

void CongestionWindow::add(TimePoint now) {
  advance(now);
  ++slots_[current_];
  ++total_;
}

void CongestionWindow::remove(TimePoint now) {
  advance(now);
  if (slots_[current_] == 0) return;
  --slots_[current_];
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
