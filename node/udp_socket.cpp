#include "node/udp_socket.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "node/clock.hpp"

namespace cip::node {

namespace {

// Datagrams per system call, and the buffers that the kernel keeps for bursts.
constexpr std::size_t kBatch = 32;
constexpr int kSocketBuffer = 1024 * 1024;
// A socket that was read so short a time ago is likely to have several datagrams by now.
constexpr Duration kBusy = std::chrono::microseconds(50);
// What Linux takes in one call with UDP_SEGMENT (UDP_MAX_SEGMENTS; the length of one IP packet).
constexpr std::size_t kMostSegments = 64;
constexpr std::size_t kMostSegmentBytes = 65'000;

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

constexpr std::size_t kPathControl = CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(int));

template <typename T>
void add_control(msghdr& message, int type, const T& value) {
  auto* header = reinterpret_cast<cmsghdr*>(static_cast<std::uint8_t*>(message.msg_control) +
                                            message.msg_controllen);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(header), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

void add_path(msghdr& message, MutableByteView control, SendPath path) {
  message.msg_control = control.data();
  message.msg_controllen = 0;
  if (path.source_ip != 0 || path.interface != 0) {
    in_pktinfo info{};
    info.ipi_ifindex = path.interface;
    info.ipi_spec_dst.s_addr = htonl(path.source_ip);
    add_control(message, IP_PKTINFO, info);
  }
  if (path.ttl != 0) add_control(message, IP_TTL, int{path.ttl});
}

constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

// sendto() costs less than sendmsg(), which has more to copy and to check.
ssize_t send_plain(int fd, Endpoint to, ByteView datagram) {
  const auto address = to_sockaddr(to);
  return ::sendto(fd, datagram.data(), datagram.size(), kSendFlags,
                  reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

ssize_t send_along(int fd, Endpoint to, ByteView datagram, SendPath path) {
  auto address = to_sockaddr(to);
  iovec piece{const_cast<std::uint8_t*>(datagram.data()), datagram.size()};
  alignas(cmsghdr) std::array<std::uint8_t, kPathControl> control{};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  add_path(message, control, path);
  return ::sendmsg(fd, &message, kSendFlags);
}

// The system cuts it.
ssize_t send_cut(int fd, Endpoint to, ByteView datagrams, std::size_t segment) {
  auto address = to_sockaddr(to);
  iovec piece{const_cast<std::uint8_t*>(datagrams.data()), datagrams.size()};
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> control{};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto size = static_cast<std::uint16_t>(segment);
  std::memcpy(CMSG_DATA(header), &size, sizeof size);
  return ::sendmsg(fd, &message, kSendFlags);
}

}  // namespace

struct UdpSocket::Batch {
  // One byte more than is read from anyone shows that a datagram was longer.
  std::array<std::array<std::uint8_t, kMaxDatagram + 1>, kBatch> buffers;
  std::array<sockaddr_in, kBatch> sources;
  std::array<iovec, kBatch> pieces;
  std::array<mmsghdr, kBatch> messages;

  Batch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces[i] = {buffers[i].data(), buffers[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_name = &sources[i];
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // How many came; recvfrom() costs less than recvmmsg() when it is one.
  std::size_t receive(int fd, std::size_t most) {
    return most == 1 ? receive_one(fd) : receive_many(fd, most);
  }
  std::size_t receive_one(int fd) {
    socklen_t length = sizeof(sockaddr_in);
    const auto n = ::recvfrom(fd, buffers[0].data(), buffers[0].size(), MSG_DONTWAIT,
                              reinterpret_cast<sockaddr*>(&sources[0]), &length);
    if (n < 0) return 0;
    messages[0].msg_len = static_cast<unsigned>(n);
    return 1;
  }
  std::size_t receive_many(int fd, std::size_t most) {
    // The system writes over the lengths of addresses, when a message came.
    for (std::size_t i = 0; i < received; ++i) {
      messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    }
    const auto n =
        ::recvmmsg(fd, messages.data(), static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
    received = n < 0 ? 0 : static_cast<std::size_t>(n);
    return received;
  }
  std::size_t received = kBatch;  // by the last call of recvmmsg()
};

UdpSocket::UdpSocket(asio::io_context& io) : socket_(io), batch_(std::make_shared<Batch>()) {}
UdpSocket::UdpSocket(asio::io_context& io, const UdpSocket& other)
    : socket_(io), batch_(other.batch_) {}
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

void UdpSocket::adopt(UdpHandle socket) {
  socket_ = std::move(socket);
  std::error_code ignored;
  socket_.set_option(asio::socket_base::receive_buffer_size(kSocketBuffer), ignored);
  socket_.set_option(asio::socket_base::send_buffer_size(kSocketBuffer), ignored);
  socket_.non_blocking(true, ignored);
}

void UdpSocket::start(OnDatagram on_datagram, OnRead on_read) {
  on_datagram_ = std::move(on_datagram);
  on_read_ = std::move(on_read);
  wait();
}

void UdpSocket::wait() {
  socket_.async_wait(UdpHandle::wait_read,
                     [this, alive = std::weak_ptr(alive_)](std::error_code error) {
                       if (alive.expired() || !socket_.is_open()) return;
                       if (error == asio::error::operation_aborted) return;
                       if (receive()) wait();
                     });
}

bool UdpSocket::receive() {
  // Errors here are what ICMP reported about somebody else's port; nothing follows from them.
  const auto time = now();
  const auto most = time.mono - received_at_ < kBusy ? kBatch : 1;
  received_at_ = time.mono;
  const auto count = batch_->receive(socket_.native_handle(), most);
  const auto alive = std::weak_ptr(alive_);
  const auto batch = batch_;
  for (std::size_t i = 0; i < count; ++i) {
    const auto size = batch->messages[i].msg_len;
    ++counters_.datagrams_in;
    counters_.bytes_in += size;
    if (size > kMaxDatagram) {
      ++counters_.oversized;
      continue;
    }
    on_datagram_(time, to_endpoint(batch->sources[i]),
                 MutableByteView(batch->buffers[i]).first(size));
    if (alive.expired() || !socket_.is_open()) return false;
  }
  if (count > 0) on_read_(time);
  return !alive.expired() && socket_.is_open();
}

bool UdpSocket::send(Endpoint to, ByteView datagram, SendPath path) {
  set_fragments(Fragments::standard);
  const auto n = path == SendPath{} ? send_plain(socket_.native_handle(), to, datagram)
                                    : send_along(socket_.native_handle(), to, datagram, path);
  return count_sent(n, 1);
}

bool UdpSocket::send_segments(Endpoint to, ByteView datagrams, std::size_t segment,
                              Fragments fragments) {
  set_fragments(fragments);
  const auto most = std::clamp<std::size_t>(kMostSegmentBytes / segment, 1, kMostSegments);
  bool sent = true;
  while (!datagrams.empty()) {
    const auto piece = datagrams.first(std::min(datagrams.size(), most * segment));
    // The system cuts none that are wider than the path as it knows it, which these may be.
    const bool together = cuts_ && fragments != Fragments::allowed && piece.size() > segment;
    sent = (together ? send_together(to, piece, segment) : send_each(to, piece, segment)) && sent;
    datagrams = datagrams.subspan(piece.size());
  }
  return sent;
}

bool UdpSocket::send_together(Endpoint to, ByteView datagrams, std::size_t segment) {
  const auto n = send_cut(socket_.native_handle(), to, datagrams, segment);
  // An interface that cannot: one by one from now on.
  if (n < 0 && (errno == EIO || errno == EINVAL || errno == ENOPROTOOPT)) cuts_ = false;
  // Wider than the interface: alone they leave in fragments, or are lost, each by itself.
  if (n < 0 && (!cuts_ || errno == EMSGSIZE)) return send_each(to, datagrams, segment);
  return count_sent(n, (datagrams.size() + segment - 1) / segment);
}

bool UdpSocket::send_each(Endpoint to, ByteView datagrams, std::size_t segment) {
  bool sent = true;
  while (!datagrams.empty()) {
    const auto one = datagrams.first(std::min(datagrams.size(), segment));
    datagrams = datagrams.subspan(one.size());
    const auto n = send_plain(socket_.native_handle(), to, one);
    if (n < 0 && errno == EMSGSIZE && fragments_ == Fragments::never) continue;
    sent = count_sent(n, 1) && sent;
  }
  return sent;
}

void UdpSocket::set_fragments(Fragments fragments) {
  if (std::exchange(fragments_, fragments) == fragments) return;
  const int mode = fragments == Fragments::standard ? IP_PMTUDISC_WANT
                   : fragments == Fragments::never  ? IP_PMTUDISC_PROBE
                                                    : IP_PMTUDISC_DONT;
  ::setsockopt(socket_.native_handle(), IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof mode);
}

bool UdpSocket::count_sent(std::ptrdiff_t bytes, std::size_t datagrams) {
  if (bytes < 0) {
    counters_.unsendable += datagrams;
    return false;
  }
  counters_.datagrams_out += datagrams;
  counters_.bytes_out += static_cast<std::size_t>(bytes);
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
