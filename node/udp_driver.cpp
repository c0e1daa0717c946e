#include "node/udp_driver.hpp"

namespace cip::node {

UdpDriver::UdpDriver(asio::io_context& io, UdpHandle server, std::optional<std::uint32_t> client_ip)
    : server_(io) {
  server_.adopt(std::move(server));
  if (!client_ip) return;
  client_ = std::make_unique<UdpSocket>(io);
  // Without it the node works, but cannot prove that it is reachable.
  if (client_->open({*client_ip, 0})) client_.reset();
}

void UdpDriver::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  const auto listen = [this](UdpSocket& socket, dht::SocketRole role) {
    socket.start([this, role](Now now, Endpoint from,
                              MutableByteView bytes) { receive(now, role, from, bytes); },
                 callbacks_.read);
  };
  listen(server_, dht::SocketRole::server);
  if (client_) listen(*client_, dht::SocketRole::client);
}

void UdpDriver::receive(Now now, dht::SocketRole local, Endpoint from, MutableByteView datagram) {
  if (const auto message = dht::decode_message(datagram)) {
    callbacks_.message(now, local, from, *message);
  } else {
    callbacks_.other(now, local, from, dht::classify_datagram(datagram), datagram);
  }
}

UdpSocket& UdpDriver::socket(dht::SocketRole role) {
  return role == dht::SocketRole::client && client_ ? *client_ : server_;
}

void UdpDriver::send(const dht::Outgoing& outgoing) {
  socket(outgoing.socket)
      .send(outgoing.to, dht::encode_message(outgoing.message), {outgoing.source_ip, 0});
}

void UdpDriver::send(dht::SocketRole local, Endpoint to, ByteView datagrams, std::size_t segment) {
  socket(local).send_segments(to, datagrams, segment);
}

void UdpDriver::close() {
  server_.close();
  if (client_) client_->close();
}

UdpCounters UdpDriver::counters() const {
  auto sum = server_.counters();
  if (!client_) return sum;
  const auto& more = client_->counters();
  sum.datagrams_in += more.datagrams_in;
  sum.datagrams_out += more.datagrams_out;
  sum.bytes_in += more.bytes_in;
  sum.bytes_out += more.bytes_out;
  sum.oversized += more.oversized;
  sum.unsendable += more.unsendable;
  return sum;
}

}  // namespace cip::node
