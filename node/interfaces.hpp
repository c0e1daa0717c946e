#pragma once

// The host's IPv4 interfaces. Re-read when they are needed: cables are plugged in while a node
// runs.

#include <cstdint>
#include <string>
#include <vector>

namespace cip::node {

struct Interface {
  std::string name;
  int index = 0;
  std::uint32_t ip = 0;       // host byte order
  std::uint32_t netmask = 0;  // the same
  bool loopback = false;

  bool operator==(const Interface&) const = default;
};

// Interfaces that are up, one entry per IPv4 address, in the system's order.
std::vector<Interface> list_interfaces();

// Addresses at which a socket bound to `listen_ip` receives: that one, or all of them for 0.0.0.0.
std::vector<std::uint32_t> receiving_addresses(const std::vector<Interface>& interfaces,
                                               std::uint32_t listen_ip);

}  // namespace cip::node
