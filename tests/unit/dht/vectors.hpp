#pragma once

// Reads the shapes that the DHT vectors share: {"host", "port"} and fields that may be null.

#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "tests/support/vectors.hpp"

namespace cip::test {

inline std::uint32_t ip_of(const Json& host) { return *parse_ipv4(host.get<std::string>()); }

inline Endpoint endpoint_of(const Json& address) {
  return {ip_of(address.at("host")), address.at("port").get<std::uint16_t>()};
}

inline std::optional<Endpoint> maybe_endpoint(const Json& address) {
  if (address.is_null()) return std::nullopt;
  return endpoint_of(address);
}

inline std::vector<Endpoint> endpoints_of(const Json& addresses) {
  std::vector<Endpoint> out;
  for (const auto& address : addresses) out.push_back(endpoint_of(address));
  return out;
}

inline std::optional<Bytes32> maybe_hex32(const Json& text) {
  if (text.is_null()) return std::nullopt;
  return hex32(text);
}

inline std::optional<Bytes> maybe_hex(const Json& text) {
  if (text.is_null()) return std::nullopt;
  return hex(text);
}

}  // namespace cip::test
