#include "node/interfaces.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <memory>

namespace cip::node {

namespace {

std::uint32_t ipv4_of(const sockaddr* address) {
  if (!address || address->sa_family != AF_INET) return 0;
  return ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr);
}

}  // namespace

std::vector<Interface> list_interfaces() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, ::freeifaddrs);
  std::vector<Interface> out;
  for (const auto* entry = first; entry; entry = entry->ifa_next) {
    const auto ip = ipv4_of(entry->ifa_addr);
    if (ip == 0 || !(entry->ifa_flags & IFF_UP)) continue;
    out.push_back({.name = entry->ifa_name,
                   .index = static_cast<int>(::if_nametoindex(entry->ifa_name)),
                   .ip = ip,
                   .netmask = ipv4_of(entry->ifa_netmask),
                   .loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  return out;
}

std::vector<std::uint32_t> receiving_addresses(const std::vector<Interface>& interfaces,
                                               std::uint32_t listen_ip) {
  if (listen_ip != 0) return {listen_ip};
  std::vector<std::uint32_t> out;
  for (const auto& interface : interfaces) out.push_back(interface.ip);
  return out;
}

}  // namespace cip::node
