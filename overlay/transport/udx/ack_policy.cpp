#include "overlay/transport/udx/ack_policy.hpp"

#include <algorithm>

namespace cip::overlay {

void UdxAckPolicy::on_packet(TimePoint now, std::size_t payload, bool at_once) {
  const bool prompt = prompt_left_ > 0;
  if (prompt) --prompt_left_;
  // One shorter than the largest: the sender has nothing more.
  const bool last = payload < largest_;
  largest_ = std::max(largest_, payload);
  if (at_once || prompt || last || deadline_) {
    at_once_ = true;
  } else {
    deadline_ = now + kUdxAckDelay;
  }
}

void UdxAckPolicy::on_sent() {
  at_once_ = false;
  deadline_.reset();
}

}  // namespace cip::overlay
