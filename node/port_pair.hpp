#pragma once

// One port number for the UDP server socket and the TCP listener (decisions.md D1; dht.md 5
// "Ours").

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "node/error.hpp"
#include "node/udp_handle.hpp"

namespace cip::node {

inline constexpr std::uint16_t kDefaultPort = 49737;
inline constexpr std::uint16_t kDefaultPortCount = 5;
// How often the system is asked for a number that is free for both.
inline constexpr int kPairAttempts = 16;

// The port numbers to try in order; 0 asks the system. `listen`: what the user said, if anything.
std::vector<std::uint16_t> ports_to_try(std::optional<Endpoint> listen);

struct PortPair {
  UdpHandle udp;
  asio::ip::tcp::acceptor tcp;  // listening
  Endpoint local;
};

// Binds the first pair that is free. Error busy: an explicit port is taken, or there is none left.
Outcome<PortPair> bind_port_pair(asio::io_context& io, std::optional<Endpoint> listen);

// A TCP listener alone; port 0 asks the system.
Outcome<asio::ip::tcp::acceptor> listen_tcp(asio::io_context& io, Endpoint local);

}  // namespace cip::node
