#include "dht/node_id.hpp"

#include <bit>
#include <cstring>

#include "base/crypto.hpp"

namespace cip::dht {
namespace {

// Eight bytes as a big-endian number, so that comparing numbers compares bytes.
std::uint64_t big_endian(const std::uint8_t* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

NodeId node_id_of(Endpoint endpoint) {
  FixedBytes<6> address;
  for (std::size_t i = 0; i < 4; ++i) {
    address[i] = static_cast<std::uint8_t>(endpoint.ip >> (24 - 8 * i));
  }
  address[4] = static_cast<std::uint8_t>(endpoint.port);
  address[5] = static_cast<std::uint8_t>(endpoint.port >> 8);
  return {hash(address)};
}

unsigned shared_bits(const Bytes32& a, const Bytes32& b) {
  for (std::size_t i = 0; i < 32; i += 8) {
    const std::uint64_t difference = big_endian(&a[i]) ^ big_endian(&b[i]);
    if (difference != 0) {
      return static_cast<unsigned>(8 * i) + static_cast<unsigned>(std::countl_zero(difference));
    }
  }
  return 256;
}

std::uint64_t distance_prefix(const Bytes32& a, const Bytes32& b) {
  return big_endian(a.data()) ^ big_endian(b.data());
}

std::strong_ordering compare_distance(const Target& target, const Bytes32& a, const Bytes32& b) {
  for (std::size_t i = 0; i < 32; i += 8) {
    const std::uint64_t word = big_endian(&target[i]);
    const auto order = (big_endian(&a[i]) ^ word) <=> (big_endian(&b[i]) ^ word);
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

bool OwnAddresses::set(Endpoint endpoint) {
  auto& slot = addresses_[static_cast<std::size_t>(endpoint.realm())];
  if (slot && slot->endpoint == endpoint) return false;
  slot = Address{endpoint, node_id_of(endpoint)};
  return true;
}

void OwnAddresses::clear(Realm realm) { addresses_[static_cast<std::size_t>(realm)].reset(); }

const std::optional<OwnAddresses::Address>& OwnAddresses::seen_from(Realm realm) const {
  std::size_t i = static_cast<std::size_t>(realm);
  while (i + 1 < addresses_.size() && !addresses_[i]) ++i;
  return addresses_[i];
}

const std::optional<OwnAddresses::Address>& OwnAddresses::widest() const {
  std::size_t i = addresses_.size() - 1;
  while (i > 0 && !addresses_[i]) --i;
  return addresses_[i];
}

bool OwnAddresses::contains(Endpoint endpoint) const {
  const auto& address = at(endpoint.realm());
  return address && address->endpoint == endpoint;
}

}  // namespace cip::dht
