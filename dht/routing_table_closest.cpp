// What a table answers: its members closest to a target. Apart from the rest since it is the hot
// path of a node: some hundred nanoseconds for 20 of 300.

#include "dht/routing_table.hpp"

#include <algorithm>
#include <array>

namespace cip::dht {
namespace {

constexpr std::size_t kMaxBucketSize = 255;  // k is a byte

bool bit(const Bytes32& bytes, std::size_t i) { return (bytes[i / 8] >> (7 - i % 8) & 1) != 0; }

// How far members of one bucket are from a target, as far as their keys tell, and what rank that
// gives them.
using Distances = std::array<std::uint16_t, kMaxBucketSize + 1>;
using Ranks = std::array<std::uint16_t, kMaxBucketSize + 1>;

// Each rank is the number of those that are closer. Without a branch that depends on them, on
// kWidth at a time.
template <std::size_t kWidth>
void count_closer(const Distances& distances, std::size_t n, Ranks& ranks) {
  std::array<std::int16_t, kWidth> all;
  std::array<std::int16_t, kWidth> closer{};
  constexpr std::uint16_t kSigned = 0x8000;  // keeps the order: processors compare signed numbers
  for (std::size_t i = 0; i < kWidth; ++i) {
    all[i] = static_cast<std::int16_t>(i < n ? distances[i] ^ kSigned : 0x7fff);
  }
  for (std::size_t j = 0; j < n; ++j) {
    const std::int16_t other = all[j];
    for (std::size_t i = 0; i < kWidth; ++i) closer[i] += static_cast<std::int16_t>(other < all[i]);
  }
  for (std::size_t i = 0; i < n; ++i) ranks[i] = static_cast<std::uint16_t>(closer[i]);
}

// False if two are as far, or there are too many for it.
bool rank_by_counting(const Distances& distances, std::size_t n, Ranks& ranks) {
  constexpr std::size_t kMost = 32;
  if (n > kMost) return false;
  if (n <= 8) {
    count_closer<8>(distances, n, ranks);
  } else if (n <= 24) {
    count_closer<24>(distances, n, ranks);
  } else {
    count_closer<kMost>(distances, n, ranks);
  }
  std::size_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += ranks[i];
  return sum == n * (n - 1) / 2;  // distinct ranks: any two that are equal make it less
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
  Distances distances;
  std::array<std::uint8_t, kMaxBucketSize> places;
  std::size_t n = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (narrowest > Realm::loopback && contact(i).endpoint.realm() < narrowest) continue;
    distances[n] = static_cast<std::uint16_t>(members[i].key ^ key);
    places[n++] = static_cast<std::uint8_t>(i);
  }
  Ranks ranks;
  if (!rank_by_counting(distances, n, ranks)) {
    // Where the keys do not tell, the ids do.
    std::array<std::uint8_t, kMaxBucketSize> order;
    for (std::size_t i = 0; i < n; ++i) order[i] = static_cast<std::uint8_t>(i);
    std::sort(order.begin(), order.begin() + n, [&](std::size_t a, std::size_t b) {
      if (distances[a] != distances[b]) return distances[a] < distances[b];
      return compare_distance(target, contact(places[a]).id.bytes, contact(places[b]).id.bytes) < 0;
    });
    for (std::size_t i = 0; i < n; ++i) ranks[order[i]] = static_cast<std::uint16_t>(i);
  }
  const std::size_t taken = std::min(n, out.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (ranks[i] >= taken) continue;
    const ContactHandle handle = members[places[i]].handle();
    out[ranks[i]] = handle;
    arena_->prefetch(handle);
  }
  return taken;
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
