#pragma once

// Which TCP endpoints to offer to whom and which of the offered ones to dial (dht.md 18.2
// "Offering", "Dialling", "Reverse dial"). Without these rules a hello would make a node knock at
// the ports of hosts that its sender chose.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::overlay {

inline constexpr std::size_t kMaxEndpointsDialled = 8;
inline constexpr Duration kDialSpacing = std::chrono::milliseconds(250);
inline constexpr std::size_t kMaxDialsBackPerIp = 8;
inline constexpr Duration kDialBackWindow = std::chrono::seconds(60);

// What is known of both places when endpoints are offered or chosen.
struct DialView {
  Endpoint peer_seen;                      // where the other side was seen; see seen_from()
  std::optional<std::uint32_t> public_ip;  // own public address, also behind a NAT
  std::vector<std::uint32_t> interfaces;   // own interface addresses
};

// Where `seen` is, when `reporter` says so: a relay sees a peer on its own host at a loopback
// address, which for others means the relay's host.
Endpoint seen_from(Endpoint reporter, Endpoint seen);

// The own endpoints that the other side may be told.
std::vector<Endpoint> endpoints_to_offer(std::span<const Endpoint> own, const DialView& view);

// Offered endpoints in the order to dial them, kDialSpacing apart: same network first; at most 8.
std::vector<Endpoint> endpoints_to_dial(std::span<const Endpoint> offered, const DialView& view);

// Offered endpoints that a server dials on request: only at the address the hello came from.
std::vector<Endpoint> endpoints_to_dial_back(std::span<const Endpoint> offered, Endpoint seen);

// Those that mean the same host to everybody: what a contact card may name, whoever reads or writes
// it; at most 8.
std::vector<Endpoint> public_endpoints(std::span<const Endpoint> endpoints);

// At most 8 dials to one address in 60 s on request of others, whoever asks.
class DialBackLimiter {
 public:
  // True: go ahead, and it is counted.
  bool allow(Now now, std::uint32_t ip);

 private:
  void forget_old(Now now);

  std::map<std::uint32_t, std::deque<TimePoint>> dials_;
};

}  // namespace cip::overlay
