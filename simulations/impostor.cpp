#include "simulations/impostor.hpp"

#include <algorithm>

namespace cip::simulations {

dht::Contact ImpostorRing::choose(std::uint32_t ip, const std::optional<Bytes32>& target,
                                  Random& random) {
  constexpr std::uint16_t kFirst = 1024;
  const auto first = static_cast<std::uint16_t>(kFirst + random.below(32'768));
  dht::Contact best = dht::contact_of({ip, first});
  for (unsigned i = 1; target && i < kPortsTried; ++i) {
    const auto other = dht::contact_of({ip, static_cast<std::uint16_t>(first + i)});
    if (dht::compare_distance(*target, other.id.bytes, best.id.bytes) < 0) best = other;
  }
  return best;
}

dht::Reply ImpostorRing::answer(const dht::Contact& self, Endpoint from,
                                const dht::Request& request) const {
  dht::Reply out;
  out.tid = request.tid;
  out.to = from;
  out.id = self.id;
  out.token = self.id.bytes;
  if (!request.target) return out;
  std::vector<const dht::Contact*> near;
  for (const auto& member : members_) near.push_back(&member);
  const auto count = std::min(kNamed, near.size());
  std::partial_sort(near.begin(), near.begin() + static_cast<std::ptrdiff_t>(count), near.end(),
                    [&](const auto* a, const auto* b) {
                      return dht::compare_distance(*request.target, a->id.bytes, b->id.bytes) < 0;
                    });
  for (std::size_t i = 0; i < count; ++i) out.closer.push_back(near[i]->endpoint);
  return out;
}

}  // namespace cip::simulations
