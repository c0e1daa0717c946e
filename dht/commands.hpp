#pragma once

// Numbers of the DHT's wire (dht.md 4 and 10). All frozen: they are those of npm dht-rpc and
// hyperdht.

#include <cstddef>
#include <cstdint>

namespace cip::dht {

// Commands with the internal flag.
enum class InternalCommand : std::uint64_t {
  ping = 0,
  ping_nat = 1,
  find_node = 2,
  down_hint = 3,
  delayed_ping = 4,
};

// Commands without it. The two number spaces are separate.
enum class Command : std::uint64_t {
  peer_handshake = 0,
  peer_holepunch = 1,
  find_peer = 2,
  lookup = 3,
  announce = 4,
  unannounce = 5,
  mutable_put = 6,
  mutable_get = 7,
  immutable_put = 8,
  immutable_get = 9,
  plugin = 10,
};

// The error field of replies.
enum class ReplyError : std::uint64_t {
  none = 0,
  unknown_command = 1,
  invalid_token = 2,
  sequence_reused = 16,
  sequence_too_low = 17,
};

// The error field inside handshake and holepunch payloads.
enum class HelloError : std::uint64_t {
  none = 0,
  aborted = 1,
  version_mismatch = 2,
  try_later = 3,
};

// What a node says about its NAT in a hello.
enum class Firewall : std::uint64_t { unknown = 0, open = 1, consistent = 2, random = 3 };

// Who passes a handshake or holepunch message on to whom.
enum class RelayMode : std::uint64_t {
  from_client = 0,
  from_server = 1,
  from_relay = 2,
  from_second_relay = 3,
  reply = 4,
};

inline constexpr std::size_t kBucketSize = 20;         // k
inline constexpr std::size_t kMaxDatagramRead = 2048;  // stock reads no more
inline constexpr std::size_t kMaxDatagramSent = 1400;  // fits common path MTUs
inline constexpr std::size_t kMaxRelayAddresses = 3;   // kept per record
inline constexpr std::size_t kMaxPeersPerLookup = 20;
inline constexpr std::uint32_t kMaxDelayedPingMs = 10'000;

}  // namespace cip::dht
