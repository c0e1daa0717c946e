#include "node/published_here.hpp"

#include <utility>

namespace cip::node {

void PublishedHere::forget(const Bytes32& topic) {
  noted_.erase(topic);
  waiting_.erase(topic);
}

void PublishedHere::note(Now now, const Bytes32& topic) {
  if (!is_renewing_ && renewed_at_ && now.mono - *renewed_at_ < kMarkLife) return note(topic);
  waiting_.insert(topic);
  if (std::exchange(is_renewing_, true)) return;
  renewed_at_ = now.mono;
  ways_.renew([this, alive = std::weak_ptr(alive_)](std::string mark) {
    if (!alive.expired()) renewed(std::move(mark));
  });
}

// What this home published to last is so under its new mark too.
void PublishedHere::renewed(std::string mark) {
  is_renewing_ = false;
  const auto before = std::exchange(mark_, std::move(mark));
  for (const auto& [topic, noted] : noted_) {
    if (!before.empty() && noted == before) waiting_.insert(topic);
  }
  for (const auto& topic : std::exchange(waiting_, {})) note(topic);
}

void PublishedHere::note(const Bytes32& topic) {
  if (std::exchange(noted_[topic], mark_) != mark_) ways_.save(topic, mark_);
}

bool PublishedHere::has(const Bytes32& topic) const {
  const auto found = noted_.find(topic);
  return found != noted_.end() && !mark_.empty() && found->second == mark_;
}

}  // namespace cip::node
