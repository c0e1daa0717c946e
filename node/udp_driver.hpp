#pragma once

// The UDP sockets of a node: the two of the DHT and those for punching holes (dht.md 5, 14); the
// codec between datagrams and messages of the DHT, and the door for datagrams of other kinds.

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "dht/message.hpp"
#include "dht/node_types.hpp"
#include "node/udp_socket.hpp"

namespace cip::overlay {
class Punches;
}

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
  // Opens and closes sockets of holepunches, and sends their probes. The first two sockets are in
  // use for as long as the driver.
  void carry_out(overlay::Punches& punches);
  // Datagrams of `segment` bytes each, the last of what is left, to one receiver.
  void send(dht::SocketRole local, Endpoint to, ByteView datagrams, std::size_t segment,
            Fragments fragments);
  void close();

  // 0: there is no such socket.
  std::uint16_t client_port() const { return client_ ? client_->port() : 0; }
  // Of all sockets together, those that are closed included.
  UdpCounters counters() const;

 private:
  void listen(UdpSocket& socket, dht::SocketRole role);
  void receive(Now now, dht::SocketRole local, Endpoint from, MutableByteView datagram);
  bool open(dht::SocketRole role);
  void close(dht::SocketRole role);
  // Null: it is closed.
  UdpSocket* socket(dht::SocketRole role);

  asio::io_context& io_;
  UdpSocket server_;
  std::unique_ptr<UdpSocket> client_;
  std::map<dht::SocketRole, std::unique_ptr<UdpSocket>> others_;
  UdpCounters closed_;  // of sockets that are gone
  std::uint32_t ip_ = 0;
  Callbacks callbacks_;
};

}  // namespace cip::node
