#pragma once

// The two UDP sockets of a DHT node (dht.md 5), and the codec between datagrams and messages.

#include <functional>
#include <memory>
#include <optional>

#include "dht/message.hpp"
#include "dht/node_types.hpp"
#include "node/udp_socket.hpp"

namespace cip::node {

class UdpDriver {
 public:
  using OnMessage = std::function<void(Now now, dht::SocketRole local, Endpoint from,
                                       const dht::Message& message)>;
  using OnUndecodable = std::function<void()>;

  // `server` is bound. `client_ip`: also opens the client socket there, on any port.
  UdpDriver(asio::io_context& io, UdpHandle server, std::optional<std::uint32_t> client_ip);

  // `on_read` comes after the messages that came together.
  void start(OnMessage on_message, OnUndecodable on_undecodable, UdpSocket::OnRead on_read);
  void send(const dht::Outgoing& outgoing);
  void close();

  bool has_client_socket() const { return client_ != nullptr; }
  // Of both sockets together.
  UdpCounters counters() const;

 private:
  void receive(Now now, dht::SocketRole local, Endpoint from, ByteView datagram);

  UdpSocket server_;
  std::unique_ptr<UdpSocket> client_;
  OnMessage on_message_;
  OnUndecodable on_undecodable_;
};

}  // namespace cip::node
