#include "node/udp_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace cip::node {

namespace {

// Datagrams per system call, and the buffers that the kernel keeps for bursts.
constexpr std::size_t kBatch = 32;
constexpr int kSocketBuffer = 1024 * 1024;

sockaddr_in to_sockaddr(Endpoint endpoint) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(endpoint.ip);
  out.sin_port = htons(endpoint.port);
  return out;
}

Endpoint to_endpoint(const sockaddr_in& address) {
  return {ntohl(address.sin_addr.s_addr), ntohs(address.sin_port)};
}

void add_path(msghdr& message, MutableByteView control, SendPath path) {
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(in_pktinfo));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo info{};
  info.ipi_ifindex = path.interface;
  info.ipi_spec_dst.s_addr = htonl(path.source_ip);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

}  // namespace

struct UdpSocket::Batch {
  // One byte more than is read from anyone shows that a datagram was longer.
  std::array<std::array<std::uint8_t, kMaxDatagram + 1>, kBatch> buffers;
  std::array<sockaddr_in, kBatch> sources;
  std::array<iovec, kBatch> pieces;
  std::array<mmsghdr, kBatch> messages;

  int receive(int fd) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces[i] = {buffers[i].data(), buffers[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &sources[i];
      messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    return ::recvmmsg(fd, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  }
};

UdpSocket::UdpSocket(asio::io_context& io) : socket_(io), batch_(std::make_unique<Batch>()) {}
UdpSocket::~UdpSocket() = default;

std::error_code UdpSocket::open(Endpoint local) {
  std::error_code error;
  socket_.open(asio::ip::udp::v4(), error);
  if (!error) socket_.bind({asio::ip::address_v4(local.ip), local.port}, error);
  if (error) {
    close();
    return error;
  }
  adopt(std::move(socket_));
  return {};
}

void UdpSocket::adopt(asio::ip::udp::socket socket) {
  socket_ = std::move(socket);
  std::error_code ignored;
  socket_.set_option(asio::socket_base::receive_buffer_size(kSocketBuffer), ignored);
  socket_.set_option(asio::socket_base::send_buffer_size(kSocketBuffer), ignored);
  socket_.non_blocking(true, ignored);
}

void UdpSocket::start(OnDatagram on_datagram) {
  on_datagram_ = std::move(on_datagram);
  wait();
}

void UdpSocket::wait() {
  socket_.async_wait(asio::ip::udp::socket::wait_read,
                     [this, alive = std::weak_ptr(alive_)](std::error_code error) {
                       if (alive.expired() || !socket_.is_open()) return;
                       if (error == asio::error::operation_aborted) return;
                       if (receive()) wait();
                     });
}

bool UdpSocket::receive() {
  // Errors here are what ICMP reported about somebody else's port; nothing follows from them.
  const int count = batch_->receive(socket_.native_handle());
  const auto alive = std::weak_ptr(alive_);
  for (std::size_t i = 0; count > 0 && i < static_cast<std::size_t>(count); ++i) {
    const auto size = batch_->messages[i].msg_len;
    ++counters_.datagrams_in;
    counters_.bytes_in += size;
    if (size > kMaxDatagram) {
      ++counters_.oversized;
      continue;
    }
    on_datagram_(to_endpoint(batch_->sources[i]), ByteView(batch_->buffers[i]).first(size));
    if (alive.expired() || !socket_.is_open()) return false;
  }
  return true;
}

bool UdpSocket::send(Endpoint to, ByteView datagram, SendPath path) {
  auto address = to_sockaddr(to);
  iovec piece{const_cast<std::uint8_t*>(datagram.data()), datagram.size()};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> control{};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (path.source_ip != 0 || path.interface != 0) add_path(message, control, path);
  const auto n = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    ++counters_.unsendable;
    return false;
  }
  ++counters_.datagrams_out;
  counters_.bytes_out += datagram.size();
  return true;
}

void UdpSocket::close() {
  std::error_code ignored;
  socket_.close(ignored);
}

std::uint16_t UdpSocket::port() const {
  std::error_code ignored;
  return socket_.local_endpoint(ignored).port();
}

int UdpSocket::native_handle() { return socket_.native_handle(); }

}  // namespace cip::node
