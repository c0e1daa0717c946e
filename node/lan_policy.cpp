#include "node/lan_policy.hpp"

#include <iterator>

namespace cip::node {

LanPolicy::Verdict LanPolicy::handle(Now now, Endpoint from, const LanMessage& message) {
  if (message.network != network_ || message.instance == instance_) return {};
  const Endpoint contact{from.ip, message.port};
  forget_old(now);
  if (heard_.contains(contact) || heard_.size() >= kMaxLanNeighbours) {
    ++dropped_;
    return {};
  }
  heard_[contact] = now.mono;
  return {contact, message.kind == LanKind::announce};
}

Duration LanPolicy::pause_after(std::size_t sent) {
  return sent < std::size(kLanFirstPauses) ? kLanFirstPauses[sent] : kLanPause;
}

void LanPolicy::forget_old(Now now) {
  std::erase_if(heard_, [&](const auto& entry) { return now.mono - entry.second >= kLanQuiet; });
}

}  // namespace cip::node
