#pragma once

// A UDP socket that reads many datagrams per wake-up and can choose the source address or the
// interface of each one it sends (IP_PKTINFO).

#include <cstddef>
#include <functional>
#include <memory>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "node/udp_handle.hpp"

namespace cip::node {

// The largest datagram that peers read (dht.md 3); longer ones are dropped.
inline constexpr std::size_t kMaxDatagram = 2048;

struct UdpCounters {
  std::uint64_t datagrams_in = 0;
  std::uint64_t datagrams_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t oversized = 0;   // received, longer than kMaxDatagram
  std::uint64_t unsendable = 0;  // the system refused: no route, full buffer
};

// How a datagram leaves. Zero: the system's choice.
struct SendPath {
  std::uint32_t source_ip = 0;
  int interface = 0;  // index
  std::uint8_t ttl = 0;
  bool operator==(const SendPath&) const = default;
};

// Whether routers may cut a datagram that is too wide for a link (the DF bit).
enum class Fragments : std::uint8_t {
  standard,  // the system's choice: it knows of narrow paths what it was told
  never,     // too wide ones are lost: that is how a sender learns the width (udx.md 8)
  allowed,
};

class UdpSocket {
 public:
  // `now`: when the datagrams that came together were read; the clock is not asked for each. The
  // bytes are the receiver's to change until it returns.
  using OnDatagram = std::function<void(Now now, Endpoint from, MutableByteView datagram)>;
  using OnRead = std::function<void(Now now)>;

  explicit UdpSocket(asio::io_context& io);
  // Reads into the buffers of `other`, which is of the same io_context and may go first.
  UdpSocket(asio::io_context& io, const UdpSocket& other);
  ~UdpSocket();

  // Binds; port 0 asks the system.
  std::error_code open(Endpoint local);
  // Takes over a bound socket.
  void adopt(UdpHandle socket);
  // Datagrams come until the socket is destroyed, and `on_read` after those that came together.
  // Either callback may destroy it.
  void start(
      OnDatagram on_datagram, OnRead on_read = [](Now) {});
  // False when the system refused; datagrams may be lost anyway.
  bool send(Endpoint to, ByteView datagram, SendPath path = {});
  // Datagrams of `segment` bytes each, the last of what is left: one system call (UDP_SEGMENT) for
  // as many as the system takes together. Those that are wider than the interface and must not be
  // cut are lost without a word.
  bool send_segments(Endpoint to, ByteView datagrams, std::size_t segment,
                     Fragments fragments = Fragments::standard);
  void close();

  std::uint16_t port() const;
  int native_handle();
  const UdpCounters& counters() const { return counters_; }

 private:
  struct Batch;

  void wait();
  // Handles what is there, up to one batch; false when the socket is gone.
  bool receive();
  bool send_together(Endpoint to, ByteView datagrams, std::size_t segment);
  bool send_each(Endpoint to, ByteView datagrams, std::size_t segment);
  void set_fragments(Fragments fragments);
  bool count_sent(std::ptrdiff_t bytes, std::size_t datagrams);

  UdpHandle socket_;
  std::shared_ptr<Batch> batch_;
  OnDatagram on_datagram_;
  OnRead on_read_;
  UdpCounters counters_;
  bool cuts_ = true;                           // the system cuts datagrams for us
  Fragments fragments_ = Fragments::standard;  // as the socket is set
  TimePoint received_at_{};
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
