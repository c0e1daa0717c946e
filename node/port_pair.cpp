#include "node/port_pair.hpp"

#include <fmt/format.h>

namespace cip::node {

namespace {

using asio::ip::tcp;
using asio::ip::udp;

template <typename Protocol>
typename Protocol::endpoint to_asio(Endpoint endpoint) {
  return {asio::ip::address_v4(endpoint.ip), endpoint.port};
}

std::error_code listen_at(tcp::acceptor& acceptor, Endpoint local) {
  std::error_code error;
  acceptor.open(tcp::v4(), error);
  // A node restarted on its port must not wait for connections of its former life.
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(to_asio<tcp>(local), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

std::error_code bind_pair(PortPair& pair, Endpoint local) {
  std::error_code error;
  pair.udp.open(udp::v4(), error);
  if (!error) pair.udp.bind(to_asio<udp>(local), error);
  if (error) return error;
  pair.local = {local.ip, pair.udp.local_endpoint(error).port()};
  if (!error) error = listen_at(pair.tcp, pair.local);
  return error;
}

tl::unexpected<Error> cannot_listen(Endpoint local, std::error_code error) {
  if (error == asio::error::address_in_use) {
    return fail_with(ExitCode::busy, fmt::format("{} is already in use", to_string(local)),
                     "choose another with --listen HOST:PORT; port 0 takes any that is free");
  }
  const auto message = fmt::format("cannot listen on {}: {}", to_string(local), error.message());
  if (const auto hint = hint_for_shortage(error); !hint.empty()) {
    return fail_with(ExitCode::internal, message, std::string(hint));
  }
  return fail_with(ExitCode::usage, message,
                   "choose an address of this host with --listen HOST:PORT");
}

}  // namespace

std::vector<std::uint16_t> ports_to_try(std::optional<Endpoint> listen) {
  if (listen && listen->port != 0) return {listen->port};
  std::vector<std::uint16_t> ports;
  if (!listen) {
    for (std::uint16_t i = 0; i < kDefaultPortCount; ++i) {
      ports.push_back(static_cast<std::uint16_t>(kDefaultPort + i));
    }
  }
  ports.insert(ports.end(), kPairAttempts, 0);
  return ports;
}

Outcome<PortPair> bind_port_pair(asio::io_context& io, std::optional<Endpoint> listen) {
  const auto ip = listen ? listen->ip : 0;
  std::error_code error;
  Endpoint tried;
  for (const auto port : ports_to_try(listen)) {
    PortPair pair{UdpHandle(io), tcp::acceptor(io), {}};
    tried = {ip, port};
    error = bind_pair(pair, tried);
    if (!error) return pair;
    if (error != asio::error::address_in_use && error != asio::error::access_denied) break;
  }
  return cannot_listen(tried, error);
}

Outcome<tcp::acceptor> listen_tcp(asio::io_context& io, Endpoint local) {
  tcp::acceptor acceptor(io);
  if (const auto error = listen_at(acceptor, local)) return cannot_listen(local, error);
  return acceptor;
}

}  // namespace cip::node
