#pragma once

// Names of hosts to IPv4 addresses.

#include <asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"

namespace cip::node {

// Splits HOST:PORT; the host may be a name.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> parse_host_port(std::string_view text);

struct LookupResult {
  std::vector<Endpoint> endpoints;
  std::string problem;  // when there are none
};

// Asks for the addresses of a host. The answer comes later, and may be dropped by whoever asked.
using NameLookup =
    std::function<void(const HostPort& place, std::function<void(const LookupResult&)> answer)>;

// Asks the system, each time on a thread of its own: a name server that is silent holds up nothing,
// not even the end of the process. At most 8 at once, the others wait.
NameLookup system_name_lookup(asio::io_context& io);

// HOST:PORT as typed, looked up once; numbers are answered at once, text that is neither with a
// problem.
void resolve_once(const NameLookup& lookup, const std::string& text,
                  std::function<void(const LookupResult&)> answer);

}  // namespace cip::node
