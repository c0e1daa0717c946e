#pragma once

// A bound UDP socket as Asio has it. Its executor is of a known type, so that nothing is looked up
// and nothing is copied each time it waits for the next datagram.

#include <asio/basic_datagram_socket.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>

namespace cip::node {

using UdpHandle = asio::basic_datagram_socket<asio::ip::udp, asio::io_context::executor_type>;

}  // namespace cip::node
