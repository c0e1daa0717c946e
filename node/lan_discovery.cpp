#include "node/lan_discovery.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/ip/udp.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>

#include "node/clock.hpp"
#include "node/interfaces.hpp"
#include "node/lan_policy.hpp"
#include "node/udp_socket.hpp"

namespace cip::node {

namespace {

template <typename T>
bool set_option(int fd, int level, int name, const T& value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// A socket bound to the group, shared with the other nodes of this host.
std::error_code open_shared(UdpHandle& socket, Endpoint group) {
  std::error_code error;
  socket.open(asio::ip::udp::v4(), error);
  if (error) return error;
  const int one = 1;
  const int fd = socket.native_handle();
  const bool shared = set_option(fd, SOL_SOCKET, SO_REUSEADDR, one) &&
                      set_option(fd, SOL_SOCKET, SO_REUSEPORT, one) &&
                      set_option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  if (!shared) return {errno, std::system_category()};
  socket.bind({asio::ip::address_v4(group.ip), group.port}, error);
  return error;
}

}  // namespace

// Listens on a socket that all nodes of the host share; speaks, and hears answers, on its own.
class LanDiscovery::Impl : public std::enable_shared_from_this<LanDiscovery::Impl> {
 public:
  Impl(asio::io_context& io, LanOptions options, Random& random, OnContact on_contact)
      : options_(std::move(options)),
        policy_(lan_network(options_.network), random.bytes<8>()),
        on_contact_(std::move(on_contact)),
        shared_(io),
        own_(io),
        timer_(io) {}

  void start(asio::io_context& io) {
    UdpHandle group_socket(io);
    auto error = open_shared(group_socket, options_.group);
    if (!error) error = own_.open({options_.listen_ip, 0});
    if (error) {
      problem_ = error.message();
      return;
    }
    set_option(own_.native_handle(), IPPROTO_IP, IP_MULTICAST_TTL, 1);
    set_option(own_.native_handle(), IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    shared_.adopt(std::move(group_socket));
    const auto hear = [this](Now now, Endpoint from, ByteView datagram) {
      handle(now, from, datagram);
    };
    shared_.start(hear);
    own_.start(hear);
    announce();
  }

  void stop() {
    timer_.cancel();
    on_contact_ = nullptr;
    shared_.close();
    own_.close();
  }

  const std::string& problem() const { return problem_; }

 private:
  void announce() {
    const auto datagram = encode_lan_message(policy_.message(LanKind::announce, options_.port));
    for (const auto& interface : list_interfaces()) {
      if (options_.listen_ip != 0 && interface.ip != options_.listen_ip) continue;
      join(interface);
      own_.send(options_.group, datagram, {interface.ip, interface.index});
    }
    timer_.expires_after(LanPolicy::pause_after(sent_++));
    timer_.async_wait([weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->announce();
    });
  }

  // Again at every announce: interfaces come and go, and joining twice does no harm.
  void join(const Interface& interface) {
    ip_mreqn membership{};
    membership.imr_multiaddr.s_addr = htonl(options_.group.ip);
    membership.imr_address.s_addr = htonl(interface.ip);
    membership.imr_ifindex = interface.index;
    set_option(shared_.native_handle(), IPPROTO_IP, IP_ADD_MEMBERSHIP, membership);
  }

  void handle(Now now, Endpoint from, ByteView datagram) {
    const auto message = decode_lan_message(datagram);
    if (!message || !on_contact_) return;
    const auto verdict = policy_.handle(now, from, *message);
    if (verdict.answer) {
      own_.send(from, encode_lan_message(policy_.message(LanKind::answer, options_.port)));
    }
    if (verdict.contact) on_contact_(*verdict.contact);
  }

  LanOptions options_;
  LanPolicy policy_;
  OnContact on_contact_;
  UdpSocket shared_;
  UdpSocket own_;
  asio::steady_timer timer_;
  std::size_t sent_ = 0;
  std::string problem_;
};

LanDiscovery::LanDiscovery(asio::io_context& io, LanOptions options, Random& random,
                           OnContact on_contact)
    : impl_(std::make_shared<Impl>(io, std::move(options), random, std::move(on_contact))) {
  impl_->start(io);
}
LanDiscovery::~LanDiscovery() { impl_->stop(); }

const std::string& LanDiscovery::problem() const { return impl_->problem(); }

}  // namespace cip::node
