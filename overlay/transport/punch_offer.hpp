#pragma once

// What the answer to a hello says of a peer behind a NAT, for a holepunch to it (dht.md 14).

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"

namespace cip::overlay {

// Number of a holepunch of this node; servers name it in their answer to a hello. 0 names none.
using PunchId = std::uint64_t;

// Where the peer announced itself, and where it is seen there.
struct HolepunchRelay {
  Endpoint relay;
  Endpoint peer;
  bool operator==(const HolepunchRelay&) const = default;
};

struct PunchOffer {
  Bytes32 target{};                    // H(public key) of the peer
  std::uint64_t id = 0;                // the peer's number of this attempt
  std::vector<HolepunchRelay> relays;  // of the peer; not empty
  Bytes32 key{};                       // messages are sealed with it
  Endpoint server;                     // the peer as the relay of the hello sees it
  Endpoint via;                        // that relay
  std::optional<Endpoint> lan{};       // of the peer, in the network that both are in, if they are
};

}  // namespace cip::overlay
