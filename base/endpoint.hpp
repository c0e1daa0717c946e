#pragma once

// An IPv4 address with a port, and the three realms that addresses fall into (dht.md 2). IPv6
// appears only in hello trailers and contact cards, carried as raw bytes.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace cip {
inline namespace base {

// From narrow to wide, so that realms compare.
enum class Realm : std::uint8_t { loopback = 0, private_network = 1, public_network = 2 };

inline Realm realm_of(std::uint32_t ip) {
  const auto in_net = [ip](std::uint32_t net, unsigned bits) {
    return (ip ^ net) >> (32 - bits) == 0;
  };
  if (in_net(0x7f000000, 8)) return Realm::loopback;
  const bool is_private = in_net(0x0a000000, 8) || in_net(0xac100000, 12) ||
                          in_net(0xc0a80000, 16) || in_net(0xa9fe0000, 16) ||
                          in_net(0x64400000, 10);
  return is_private ? Realm::private_network : Realm::public_network;
}

struct Endpoint {
  std::uint32_t ip = 0;  // host byte order: 127.0.0.1 is 0x7f000001
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
  bool is_any() const { return ip == 0; }
  Realm realm() const { return realm_of(ip); }
  std::uint32_t subnet24() const { return ip >> 8; }
};

// "127.0.0.1:49737". Names are resolved elsewhere: the host must be dotted decimal.
Result<Endpoint> parse_endpoint(std::string_view text);
Result<std::uint32_t> parse_ipv4(std::string_view text);
std::string to_string(Endpoint endpoint);
std::string ipv4_text(std::uint32_t ip);

struct EndpointHash {
  std::size_t operator()(Endpoint endpoint) const {
    std::uint64_t mixed = (std::uint64_t{endpoint.ip} << 16 | endpoint.port) * 0x9e3779b97f4a7c15;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }
};

}  // namespace base
}  // namespace cip
