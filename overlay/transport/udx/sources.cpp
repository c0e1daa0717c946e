#include "overlay/transport/udx/sources.hpp"

#include <algorithm>

namespace cip::overlay {

bool UdxSources::accepts(TimePoint now, Endpoint from) const {
  if (!trusted_ || from == connected_) return true;
  if (old_ == from && (!old_until_ || now < *old_until_)) return true;
  return std::find(learned_.begin(), learned_.end(), from) != learned_.end();
}

void UdxSources::learn(Endpoint from) {
  if (trusted_ || from == connected_ || learned_.size() == kUdxLearnedSources) return;
  if (std::find(learned_.begin(), learned_.end(), from) == learned_.end()) learned_.push_back(from);
}

void UdxSources::change(Endpoint to) {
  if (to == connected_) return;
  std::erase(learned_, connected_);
  old_ = connected_;
  old_until_.reset();
  connected_ = to;
}

void UdxSources::complete_change(TimePoint now) {
  if (old_ && !old_until_) old_until_ = now + kUdxOldSourceTime;
}

}  // namespace cip::overlay
