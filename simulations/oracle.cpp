#include "simulations/oracle.hpp"

#include <algorithm>

namespace cip::simulations {
namespace {

bool bit(const Bytes32& id, unsigned index) { return (id[index / 8] >> (7 - index % 8) & 1) != 0; }

std::uint64_t mix(std::uint64_t a, std::uint64_t b) { return a * 0x9e3779b97f4a7c15 ^ b; }

}  // namespace

Oracle::Oracle(const std::vector<dht::Contact>& contacts, const std::vector<bool>& hidden) {
  entries_.reserve(contacts.size());
  for (std::size_t i = 0; i < contacts.size(); ++i) {
    if (!hidden.empty() && hidden[i]) continue;
    entries_.push_back({contacts[i], static_cast<NodeIndex>(i)});
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.contact.id < b.contact.id; });
}

std::size_t Oracle::place_of(const Bytes32& id) const {
  const auto at =
      std::lower_bound(entries_.begin(), entries_.end(), id,
                       [](const Entry& a, const Bytes32& b) { return a.contact.id.bytes < b; });
  return static_cast<std::size_t>(at - entries_.begin());
}

Oracle::Split Oracle::split(Range range, const Bytes32& id, unsigned bits) const {
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(range.begin);
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(range.end);
  const auto middle = std::partition_point(
      begin, end, [&](const Entry& entry) { return !bit(entry.contact.id.bytes, bits); });
  const auto at = static_cast<std::size_t>(middle - entries_.begin());
  const Range zeros{range.begin, at};
  const Range ones{at, range.end};
  return bit(id, bits) ? Split{ones, zeros} : Split{zeros, ones};
}

std::vector<NodeIndex> Oracle::closest(const dht::Target& target, std::size_t count,
                                       const std::vector<bool>& dead) const {
  // From the place of the target outwards, one subtree around it after the other: everything in a
  // smaller one is closer than the rest of a larger. From above, the way down a large network would
  // be all cache misses.
  std::size_t begin = place_of(target);
  std::size_t end = begin;
  const auto shared = [&](std::size_t place) {
    return dht::shared_bits(entries_[place].contact.id.bytes, target);
  };
  std::vector<const Entry*> found;
  const auto take = [&](const Entry& entry) {
    if (!dead[entry.node]) found.push_back(&entry);
  };
  while (found.size() < count && (begin > 0 || end < entries_.size())) {
    const unsigned bits =
        std::max(begin > 0 ? shared(begin - 1) : 0, end < entries_.size() ? shared(end) : 0);
    while (begin > 0 && shared(begin - 1) >= bits) take(entries_[--begin]);
    while (end < entries_.size() && shared(end) >= bits) take(entries_[end++]);
  }
  const std::size_t n = std::min(count, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n), found.end(),
                    [&](const Entry* a, const Entry* b) {
                      return dht::compare_distance(target, a->contact.id.bytes,
                                                   b->contact.id.bytes) < 0;
                    });
  std::vector<NodeIndex> out;
  out.reserve(n);
  for (std::size_t i = 0; i < n; ++i) out.push_back(found[i]->node);
  return out;
}

std::vector<dht::Contact> Oracle::ideal_table(const dht::NodeId& self, std::size_t k,
                                              Random& random) const {
  return table_of(self, k, [&](Range) -> Random& { return random; });
}

std::vector<dht::Contact> Oracle::shared_table(const dht::NodeId& self, std::size_t k,
                                               std::uint64_t seed) const {
  SeededRandom random(seed);
  return table_of(self, k, [&](Range bucket) -> Random& {
    random = SeededRandom(mix(seed, std::uint64_t{bucket.begin} << 32 | bucket.end));
    return random;
  });
}

template <typename RandomOf>
std::vector<dht::Contact> Oracle::table_of(const dht::NodeId& self, std::size_t k,
                                           RandomOf&& random_of) const {
  const Bytes32& id = self.bytes;
  std::vector<std::size_t> places;
  Range range = whole();
  for (unsigned bits = 0; bits < 256 && range.size() > 1; ++bits) {
    const auto [same, bucket] = split(range, id, bits);
    // Floyd's sample of k positions without repetition; all of them when there are no more.
    std::vector<std::size_t> chosen;
    const std::size_t wanted = std::min(k, bucket.size());
    Random& random = random_of(bucket);
    for (std::size_t limit = bucket.size() - wanted; limit < bucket.size(); ++limit) {
      const std::size_t draw = wanted == bucket.size() ? limit : random.pick(limit + 1);
      const bool taken = std::find(chosen.begin(), chosen.end(), draw) != chosen.end();
      chosen.push_back(taken ? limit : draw);
    }
    for (const std::size_t i : chosen) {
      places.push_back(bucket.begin + i);
      __builtin_prefetch(&entries_[places.back()]);
    }
    range = same;
  }
  // Whoever is not listed itself has one neighbour left in the end.
  if (range.size() == 1 && entries_[range.begin].contact.id != self) {
    places.push_back(range.begin);
  }
  std::vector<dht::Contact> out;
  out.reserve(places.size());
  for (const std::size_t place : places) out.push_back(entries_[place].contact);
  return out;
}

}  // namespace cip::simulations
