#pragma once

// Node ids and the XOR metric. An id is not chosen: it is the hash of the IPv4 endpoint the node is
// seen at (dht.md 2), so a node seen at several endpoints has several.

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"

namespace cip::dht {

// Any 32 bytes that the DHT is asked about. Lives in the same space as node ids.
using Target = Bytes32;

struct NodeId {
  Bytes32 bytes{};

  auto operator<=>(const NodeId&) const = default;  // plain numeric order, not distance
};

// BLAKE2b-256 over addr4 (4 bytes of IPv4 in network order, u16 port little endian).
NodeId node_id_of(Endpoint endpoint);

// Eight bytes of an id from `at` on as a number, so that comparing numbers compares bytes.
inline std::uint64_t id_word(const Bytes32& id, std::size_t at) {
  std::uint64_t word;
  std::memcpy(&word, &id[at], sizeof word);
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  return word;
}

// Leading bits that two ids share, 0 to 256. 256: equal.
inline unsigned shared_bits(const Bytes32& a, const Bytes32& b) {
  for (std::size_t i = 0; i < 32; i += 8) {
    const std::uint64_t difference = id_word(a, i) ^ id_word(b, i);
    if (difference != 0) {
      return static_cast<unsigned>(8 * i) + static_cast<unsigned>(std::countl_zero(difference));
    }
  }
  return 256;
}
inline unsigned shared_bits(const NodeId& a, const NodeId& b) {
  return shared_bits(a.bytes, b.bytes);
}

// The 64 most significant bits of the XOR distance: enough to order ids unless they are equal.
inline std::uint64_t distance_prefix(const Bytes32& a, const Bytes32& b) {
  return id_word(a, 0) ^ id_word(b, 0);
}

// Orders a and b by XOR distance to the target, read as a big-endian number.
inline std::strong_ordering compare_distance(const Target& target, const Bytes32& a,
                                             const Bytes32& b) {
  for (std::size_t i = 0; i < 32; i += 8) {
    const std::uint64_t word = id_word(target, i);
    const auto order = (id_word(a, i) ^ word) <=> (id_word(b, i) ^ word);
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

// Comparator for sorted containers: true if a is strictly closer to the target than b.
class CloserTo {
 public:
  explicit CloserTo(const Target& target) : target_(target) {}
  bool operator()(const NodeId& a, const NodeId& b) const {
    return compare_distance(target_, a.bytes, b.bytes) < 0;
  }

 private:
  Target target_;
};

// A contact of one realm is handed out only to requesters of the same or a narrower realm: a
// loopback contact never leaves the host, a private one never goes to a public address.
inline bool may_hand_out(Endpoint contact, Endpoint requester) {
  return contact.realm() >= requester.realm();
}

// The addresses a node is seen at, at most one per realm, with the ids that follow from them.
class OwnAddresses {
 public:
  struct Address {
    Endpoint endpoint;
    NodeId id;
  };

  // Replaces the address of the endpoint's realm. Returns false if it was that already.
  bool set(Endpoint endpoint);
  void clear(Realm realm);

  const std::optional<Address>& at(Realm realm) const {
    return addresses_[static_cast<std::size_t>(realm)];
  }
  // What a receiver in `realm` sees us at: the narrowest address that is not narrower than it.
  const std::optional<Address>& seen_from(Realm realm) const;
  // The address of the widest realm; its id is the id of the routing table.
  const std::optional<Address>& widest() const;
  bool contains(Endpoint endpoint) const {
    const auto& address = at(endpoint.realm());
    return address && address->endpoint == endpoint;
  }

 private:
  std::array<std::optional<Address>, 3> addresses_;
};

}  // namespace cip::dht
