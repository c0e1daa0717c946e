// What a table answers: its members closest to a target. Apart from the rest since it is the hot
// path of a node: some hundred nanoseconds for 20 of 300.

#include "dht/routing_table.hpp"

#include <algorithm>
#include <array>

namespace cip::dht {
namespace {

constexpr std::size_t kMaxBucketSize = 255;  // k is a byte

bool bit(const Bytes32& bytes, std::size_t i) { return (bytes[i / 8] >> (7 - i % 8) & 1) != 0; }

// A member of one bucket on its way into a sorted answer: its distance as far as the key tells, and
// its place in the bucket.
using Ranked = std::int32_t;
constexpr Ranked ranked(std::uint16_t distance, std::size_t place) {
  return distance << 8 | static_cast<Ranked>(place);
}
constexpr std::size_t place_of(Ranked entry) { return entry & 0xff; }
constexpr bool are_as_far(Ranked a, Ranked b) { return a >> 8 == b >> 8; }

// Of distinct numbers. Small buckets are ranked by counting, without a branch that depends on them.
void sort_ranked(std::span<Ranked> entries) {
  constexpr std::size_t kSmall = 32;
  if (entries.size() > kSmall) return std::sort(entries.begin(), entries.end());
  std::array<Ranked, kSmall> all;
  all.fill(INT32_MAX);
  std::copy(entries.begin(), entries.end(), all.begin());
  for (std::size_t i = 0, n = entries.size(); i < n; ++i) {
    const Ranked entry = all[i];
    std::int32_t rank = 0;
    for (const Ranked other : all) rank += other < entry;
    entries[static_cast<std::size_t>(rank)] = entry;
  }
}

}  // namespace

// Calls visit(bucket) for each one, nearest to the target first, until it returns false.
//
// Let x be the XOR of our id and the target. Contacts of bucket i agree with us before bit i and
// differ there, those of deeper buckets agree with us at bit i too. So if bit i of x is set, bucket
// i as a whole is nearer than all deeper ones, else it is farther than all of them.
template <typename Visit>
void RoutingTable::visit_by_distance(const Target& target, Visit visit) const {
  Bytes32 x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<std::uint8_t>(id_.bytes[i] ^ target[i]);
  }
  const std::size_t n = bucket_count();
  for (std::size_t i = 0; i < n; ++i) {
    if (bit(x, i) && !visit(i)) return;
  }
  for (std::size_t i = n; i-- > 0;) {
    if (!bit(x, i) && !visit(i)) return;
  }
}

std::size_t RoutingTable::closest(const Target& target, std::span<ContactHandle> out,
                                  Realm narrowest) const {
  std::size_t found = 0;
  visit_by_distance(target, [&](std::size_t bucket) {
    found += take_closest(bucket, target, narrowest, out.subspan(found));
    return found < out.size();
  });
  return found;
}

// Sorts one bucket by distance into `out`, as far as there is room.
std::size_t RoutingTable::take_closest(std::size_t bucket, const Target& target, Realm narrowest,
                                       std::span<ContactHandle> out) const {
  const Range range = range_of(bucket);
  const std::span members(slots_.data() + range.begin, range.end - range.begin);
  const auto contact = [&](std::size_t place) -> const Contact& {
    return (*arena_)[members[place].handle()];
  };
  const std::uint16_t key = key_of(target, bucket);
  std::array<Ranked, kMaxBucketSize> entries;
  std::size_t n = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (narrowest > Realm::loopback && contact(i).endpoint.realm() < narrowest) continue;
    entries[n++] = ranked(members[i].key ^ key, i);
  }
  const std::span sorted(entries.data(), n);
  sort_ranked(sorted);
  // Where the keys do not tell, the ids do.
  const auto farther = [&](Ranked a, Ranked b) {
    return are_as_far(a, b) && compare_distance(target, contact(place_of(a)).id.bytes,
                                                contact(place_of(b)).id.bytes) > 0;
  };
  for (std::size_t i = 1; i < n; ++i) {
    for (auto at = i; at > 0 && farther(sorted[at - 1], sorted[at]); --at) {
      std::swap(sorted[at - 1], sorted[at]);
    }
  }
  n = std::min(n, out.size());
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = members[place_of(sorted[i])].handle();
    arena_->prefetch(out[i]);
  }
  return n;
}

std::vector<Contact> RoutingTable::closest(const Target& target, std::size_t count) const {
  std::vector<ContactHandle> handles(std::min(count, size()));
  handles.resize(closest(target, std::span(handles)));
  std::vector<Contact> out;
  out.reserve(handles.size());
  for (const auto handle : handles) out.push_back((*arena_)[handle]);
  return out;
}

std::vector<Endpoint> RoutingTable::closest_for(Endpoint requester, const Target& target,
                                                std::size_t count) const {
  std::array<ContactHandle, kMaxBucketSize + 1> handles;
  count = std::min(count, kMaxBucketSize);
  const auto find = [&](std::size_t wanted) {
    return std::span(handles).first(
        closest(target, std::span(handles).first(wanted), requester.realm()));
  };
  const auto endpoint_of = [&](ContactHandle handle) { return (*arena_)[handle].endpoint; };
  auto found = find(count);
  // One more in the place of the requester, for whom most often nobody has to look.
  if (std::ranges::find(found, requester, endpoint_of) != found.end()) found = find(count + 1);
  std::vector<Endpoint> out;
  out.reserve(found.size());
  for (const ContactHandle handle : found) {
    const Endpoint endpoint = endpoint_of(handle);
    if (endpoint != requester) out.push_back(endpoint);
  }
  return out;
}

}  // namespace cip::dht
