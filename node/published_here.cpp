#include "node/published_here.hpp"

#include <utility>

namespace cip::node {

void PublishedHere::note(const Bytes32& topic) {
  if (!mark_.is_fresh()) {
    const auto before = mark_.get();
    mark_.renew();
    for (auto& [other, noted] : noted_) {
      if (!before.empty() && noted == before) note(other, noted);
    }
  }
  note(topic, noted_[topic]);
}

void PublishedHere::note(const Bytes32& topic, std::string& noted) {
  if (std::exchange(noted, mark_.get()) != mark_.get()) save_(topic, mark_.get());
}

bool PublishedHere::has(const Bytes32& topic) const {
  const auto found = noted_.find(topic);
  return found != noted_.end() && !mark_.get().empty() && found->second == mark_.get();
}

}  // namespace cip::node
