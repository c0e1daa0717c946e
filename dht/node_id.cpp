#include "dht/node_id.hpp"

#include "base/crypto.hpp"

namespace cip::dht {

NodeId node_id_of(Endpoint endpoint) {
  FixedBytes<6> address;
  for (std::size_t i = 0; i < 4; ++i) {
    address[i] = static_cast<std::uint8_t>(endpoint.ip >> (24 - 8 * i));
  }
  address[4] = static_cast<std::uint8_t>(endpoint.port);
  address[5] = static_cast<std::uint8_t>(endpoint.port >> 8);
  return {hash(address)};
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

}  // namespace cip::dht
