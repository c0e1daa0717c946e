#pragma once

// The two UDP sockets of a node (dht.md 5), the codec between datagrams and messages of the DHT,
// and the door for datagrams of other kinds.

#include <functional>
#include <memory>
#include <optional>

#include "dht/message.hpp"
#include "dht/node_types.hpp"
#include "node/udp_socket.hpp"

namespace cip::node {

class UdpDriver {
 public:
  struct Callbacks {
    std::function<void(Now now, dht::SocketRole local, Endpoint from, const dht::Message& message)>
        message;
    // A datagram that is no message, and what it claims to be. The bytes are the receiver's to
    // change until it returns.
    std::function<void(Now now, dht::SocketRole local, Endpoint from, dht::DatagramKind kind,
                       MutableByteView datagram)>
        other;
    // After the datagrams that came together.
    UdpSocket::OnRead read;
  };

  // `server` is bound. `client_ip`: also opens the client socket there, on any port.
  UdpDriver(asio::io_context& io, UdpHandle server, std::optional<std::uint32_t> client_ip);

  void start(Callbacks callbacks);
  void send(const dht::Outgoing& outgoing);
  // Datagrams of `segment` bytes each, the last of what is left, to one receiver.
  void send(dht::SocketRole local, Endpoint to, ByteView datagrams, std::size_t segment);
  void close();

  bool has_client_socket() const { return client_ != nullptr; }
  // Of both sockets together.
  UdpCounters counters() const;

 private:
  void receive(Now now, dht::SocketRole local, Endpoint from, MutableByteView datagram);
  UdpSocket& socket(dht::SocketRole role);

  UdpSocket server_;
  std::unique_ptr<UdpSocket> client_;
  Callbacks callbacks_;
};

}  // namespace cip::node
