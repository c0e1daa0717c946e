#include "node/udp_driver.hpp"

#include <array>

#include "base/machine.hpp"
#include "overlay/punch/punches.hpp"

namespace cip::node {
namespace {

// A near probe dies behind the own NAT and before that of the peer (dht.md 14).
constexpr std::uint8_t kNearTtl = 5;
constexpr std::array<std::uint8_t, 1> kProbe{0};

void add(UdpCounters& sum, const UdpCounters& more) {
  sum.datagrams_in += more.datagrams_in;
  sum.datagrams_out += more.datagrams_out;
  sum.bytes_in += more.bytes_in;
  sum.bytes_out += more.bytes_out;
  sum.oversized += more.oversized;
  sum.unsendable += more.unsendable;
}

dht::SocketRole role_of(overlay::UdxSocket socket) { return static_cast<dht::SocketRole>(socket); }

}  // namespace

UdpDriver::UdpDriver(asio::io_context& io, UdpHandle server, std::optional<std::uint32_t> client_ip)
    : io_(io), server_(io) {
  std::error_code error;
  const auto local = server.local_endpoint(error);
  if (!error) ip_ = local.address().to_v4().to_uint();
  server_.adopt(std::move(server));
  if (!client_ip) return;
  client_ = std::make_unique<UdpSocket>(io);
  // Without it the node works, but cannot prove that it is reachable.
  if (client_->open({*client_ip, 0})) client_.reset();
}

void UdpDriver::start(Callbacks callbacks) {
  callbacks_ = std::move(callbacks);
  listen(server_, dht::SocketRole::server);
  if (client_) listen(*client_, dht::SocketRole::client);
}

void UdpDriver::listen(UdpSocket& socket, dht::SocketRole role) {
  socket.start([this, role](Now now, Endpoint from,
                            MutableByteView bytes) { receive(now, role, from, bytes); },
               callbacks_.read);
}

void UdpDriver::receive(Now now, dht::SocketRole local, Endpoint from, MutableByteView datagram) {
  if (const auto message = dht::decode_message(datagram)) {
    callbacks_.message(now, local, from, *message);
  } else {
    callbacks_.other(now, local, from, dht::classify_datagram(datagram), datagram);
  }
}

UdpSocket* UdpDriver::socket(dht::SocketRole role) {
  if (role == dht::SocketRole::server) return &server_;
  if (role == dht::SocketRole::client) return client_ ? client_.get() : &server_;
  const auto found = others_.find(role);
  return found != others_.end() ? found->second.get() : nullptr;
}

void UdpDriver::carry_out(overlay::Punches& punches) {
  const Overloaded carry{
      [&](const overlay::PunchOpen& opens) {
        if (!open(role_of(opens.socket))) punches.handle_unopened(opens.socket);
      },
      [&](const overlay::PunchClose& closes) { close(role_of(closes.socket)); },
      [&](const overlay::PunchProbe& probe) {
        const std::uint8_t ttl = probe.reach == overlay::ProbeReach::near ? kNearTtl : 0;
        if (auto* from = socket(role_of(probe.socket))) {
          from->send(probe.to, kProbe, {.source_ip = 0, .interface = 0, .ttl = ttl});
        }
      }};
  while (const auto action = punches.poll_action()) std::visit(carry, *action);
}

bool UdpDriver::open(dht::SocketRole role) {
  auto socket = std::make_unique<UdpSocket>(io_, server_);
  if (socket->open({ip_, 0})) return false;
  listen(*socket, role);
  others_[role] = std::move(socket);
  return true;
}

void UdpDriver::close(dht::SocketRole role) {
  const auto gone = others_.extract(role);
  if (!gone.empty()) add(closed_, gone.mapped()->counters());
}

void UdpDriver::send(const dht::Outgoing& outgoing) {
  if (auto* from = socket(outgoing.socket)) {
    from->send(outgoing.to, dht::encode_message(outgoing.message),
               {.source_ip = outgoing.source_ip, .interface = 0, .ttl = 0});
  }
}

void UdpDriver::send(dht::SocketRole local, Endpoint to, ByteView datagrams, std::size_t segment,
                     Fragments fragments) {
  if (auto* from = socket(local)) from->send_segments(to, datagrams, segment, fragments);
}

void UdpDriver::close() {
  server_.close();
  if (client_) client_->close();
  others_.clear();
}

UdpCounters UdpDriver::counters() const {
  auto sum = closed_;
  add(sum, server_.counters());
  if (client_) add(sum, client_->counters());
  for (const auto& [role, socket] : others_) add(sum, socket->counters());
  return sum;
}

}  // namespace cip::node
