#pragma once

// HOST:PORT as users write it, the same everywhere. The host is an IPv4 address or a name; IPv6 is
// not spoken.

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

namespace cip {
inline namespace base {

struct HostPort {
  std::string_view host;  // a dotted address, a name, or empty
  std::uint16_t port = 0;
};

enum class HostPortFault {
  ipv6,      // more than one colon, or brackets
  no_port,   // nothing behind the colon, or no colon
  bad_port,  // not a decimal number up to 65535 without leading zeros
  bad_host,  // neither an address nor letters, digits, dashes, underscores and dots
};

tl::expected<HostPort, HostPortFault> split_host_port(std::string_view text);

}  // namespace base
}  // namespace cip
