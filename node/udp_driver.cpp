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

void UdpDriver::start(OnMessage on_message, OnUndecodable on_undecodable,
                      UdpSocket::OnRead on_read) {
  on_message_ = std::move(on_message);
  on_undecodable_ = std::move(on_undecodable);
  const auto listen = [&](UdpSocket& socket, dht::SocketRole role) {
    socket.start(
        [this, role](Now now, Endpoint from, ByteView bytes) { receive(now, role, from, bytes); },
        on_read);
  };
  listen(server_, dht::SocketRole::server);
  if (client_) listen(*client_, dht::SocketRole::client);
}

void UdpDriver::receive(Now now, dht::SocketRole local, Endpoint from, ByteView datagram) {
  if (const auto message = dht::decode_message(datagram)) {
    on_message_(now, local, from, *message);
  } else {
    on_undecodable_();
  }
}

void UdpDriver::send(const dht::Outgoing& outgoing) {
  auto& socket = outgoing.socket == dht::SocketRole::client && client_ ? *client_ : server_;
  socket.send(outgoing.to, dht::encode_message(outgoing.message), {outgoing.source_ip, 0});
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
