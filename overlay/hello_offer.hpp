#pragma once

// What a node tells of itself in hellos, as client and as server.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "overlay/dial_policy.hpp"
#include "overlay/hello_payload.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

struct Offer {
  std::vector<Endpoint> endpoints;  // of the TCP listener, every realm; filtered per peer
  std::vector<Endpoint6> endpoints6;
  bool tcp = true;                         // false: no streams over TCP, in neither direction
  bool udx = false;                        // streams over UDX, with cipnodes and with stock peers
  bool accepts_dial_back = true;           // capability 2: dials when asked, asks to be dialled
  std::vector<Endpoint> relays;            // announce relays for the peer's cache, at most 3
  std::vector<std::uint32_t> interfaces;   // own interface addresses, for "same network first"
  std::optional<std::uint32_t> public_ip;  // own public address as others see it
  std::optional<Endpoint> public_udp;      // own public DHT address, if reachable directly
  std::array<bool, 3> open_in{true, true, true};  // by realm: strangers there reach this node

  DialView view_of(Endpoint peer_seen) const {
    return {.peer_seen = peer_seen, .public_ip = public_ip, .interfaces = interfaces};
  }
  // Whether datagrams of this peer, seen there, get in unasked.
  bool is_open_to(Endpoint peer_seen) const {
    return open_in[static_cast<std::size_t>(peer_seen.realm())];
  }
  // Whether a bound stream with this peer can go over TCP, and over UDX if both have an end of it.
  // Where neither can it is a stock peer's over UDX, or none.
  bool opens_bound_tcp(const HelloPayload& theirs) const {
    return tcp && theirs.tcp && theirs.tcp->has(kCapabilityBoundTcp);
  }
  bool opens_bound_udx(const HelloPayload& theirs) const {
    return udx && theirs.tcp && theirs.tcp->has(kCapabilityBoundUdx) && theirs.offers_udx();
  }
  std::uint64_t capabilities() const {
    const auto reverse = accepts_dial_back ? kCapabilityReverseDial : 0;
    return (tcp ? kCapabilityBoundTcp | reverse : 0) | (udx ? kCapabilityBoundUdx : 0);
  }
};

// Fields common to both messages: where this node can be reached by UDP.
HelloPayload base_payload(const Offer& offer);
// Names the own end of a stream over UDX (udx.md 14.2); 0: none.
void offer_stream(HelloPayload& payload, UdxId id);

}  // namespace cip::overlay
