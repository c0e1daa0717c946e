#pragma once

// How a node says where its TCP listener is (dht.md 18.1): entries in the trailer of a hello
// (hello_payload.hpp) and in a contact card (contact_card.hpp).
//
//   entry = uint type, buffer value
//     1 capabilities, uint bits   2 TCP endpoints, n x addr4   3 TCP endpoints, n x addr6

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/codec.hpp"
#include "base/endpoint.hpp"

namespace cip::overlay {

// An IPv6 endpoint as carried in payloads; address in network order. Never dialled yet.
struct Endpoint6 {
  FixedBytes<16> ip{};
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint6&) const = default;
};

// Bytes that an addr4 and an addr6 take.
inline constexpr std::size_t kAddr4Size = 6;
inline constexpr std::size_t kAddr6Size = 18;

inline constexpr std::uint64_t kCapabilityBoundTcp = 1;
inline constexpr std::uint64_t kCapabilityReverseDial = 2;
inline constexpr std::uint64_t kCapabilityBoundUdx = 64;

// What entries 1 to 3 say.
struct TcpTrailer {
  std::uint64_t capabilities = 0;
  std::vector<Endpoint> endpoints;
  std::vector<Endpoint6> endpoints6;
  bool operator==(const TcpTrailer&) const = default;
  bool has(std::uint64_t capability) const { return (capabilities & capability) != 0; }
};

// More addresses than this in one list are not decoded; stock never sends above a dozen.
inline constexpr std::uint64_t kMaxHelloAddresses = 64;

// Marks bytes that are ours: behind the entries of a trailer, in front of those of a card.
inline constexpr FixedBytes<8> kTcpMagic = {'c', 'i', 'p', 'n', 'o', 'd', 'e', 1};

// Types of entries; frozen.
enum class TcpEntry : std::uint64_t { capabilities = 1, tcp4 = 2, tcp6 = 3, expiry = 4 };

void write_addr6(Writer& out, const Endpoint6& address);
Endpoint6 read_addr6(Reader& in);

// Entry 1, and 2 and 3 when there are such endpoints.
void write_tcp_entries(Writer& out, const TcpTrailer& tcp);
// Takes the value of one entry; types of later versions are skipped. False: it does not decode.
bool read_tcp_entry(TcpTrailer& tcp, std::uint64_t type, Reader value);

}  // namespace cip::overlay
