#pragma once

// One UDX stream: both halves, its route, and its life from created to closed (udx.md 4, 5 and 11).
// What all streams of a node share is given by their owner, UdxStreams.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

#include "base/bytes.hpp"
#include "base/fifo.hpp"
#include "base/time.hpp"
#include "overlay/transport/udx/ack_policy.hpp"
#include "overlay/transport/udx/inbox.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/route.hpp"
#include "overlay/transport/udx/sender.hpp"
#include "overlay/transport/udx/shared.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

// Sources of a stream that is not connected of which the owner is told.
inline constexpr std::size_t kUdxKnocks = 8;

// First numbers of both directions: 0, but for tests.
struct UdxFirstNumbers {
  UdxSeq own = 0;
  UdxSeq others = 0;
};

class UdxStream {
 public:
  // Not connected by then it is closed.
  UdxStream(TimePoint connect_by, UdxId id, UdxFirstNumbers first,
            std::unique_ptr<UdxCongestion> congestion, UdxShared& shared);

  // --- commands, as in UdxStreams

  void connect(TimePoint now, const UdxPath& path);
  void change_remote(TimePoint now, const UdxPath& path);
  void write(TimePoint now, Bytes bytes) { sender_.write(now, std::move(bytes)); }
  void end(TimePoint now) { sender_.end(now); }
  void send_message(ByteView message);
  void hold(TimePoint now, bool held);
  void trust() { route_.sources().trust(); }
  void set_large_datagrams(bool allowed);

  // --- inputs

  void handle_packet(TimePoint now, UdxSocket socket, Endpoint from, const UdxPacket& packet);
  void handle_timeout(TimePoint now);
  // End of a turn: acknowledgements that are due may leave.
  void settle(TimePoint now);

  // --- outputs

  // An acknowledgement, a heartbeat, a message: what goes before data. Where data can leave, a
  // burst may come in place of the acknowledgement that it carries.
  bool has_small() const;
  UdxDatagram take_small(TimePoint now);
  bool has_burst(TimePoint now) const { return is_connected() && sender_.can_send(now); }
  UdxDatagram take_burst(TimePoint now);
  std::optional<TimePoint> next_timeout(TimePoint now) const;
  // A header for a packet without data, of this type (udx.md 2), as of now.
  UdxHeader header(std::uint8_t type);

  // --- what is known

  UdxId id() const { return id_; }
  bool is_connected() const { return route_.is_connected(); }
  const UdxPath& path() const { return route_.path(); }
  std::size_t queued() const { return sender_.queued(); }
  bool owes_ack(TimePoint now) const { return is_connected() && (ack_released_ || acks_.due(now)); }
  // The stream is over, and why; no error: both sides ended.
  const std::optional<std::error_code>& closed() const { return closed_; }
  UdxStatus status() const;

 private:
  void knock(UdxSocket socket, Endpoint from);
  void handle_content(TimePoint now, UdxSocket socket, Endpoint from, const UdxPacket& packet);
  void handle_destroy(UdxSeq seq);
  void finish();
  UdxDatagram take_ack();
  UdxDatagram take_packet(std::uint8_t type, ByteView payload);

  UdxId id_;
  UdxShared& shared_;
  UdxSender sender_;
  UdxInbox inbox_;
  UdxAckPolicy acks_;
  UdxRoute route_;

  bool ack_released_ = false;
  bool large_datagrams_ = false;
  std::optional<std::error_code> closed_;
  TimePoint connect_by_;
  std::uint8_t knocks_ = 0;
  UdxSocket knocked_socket_ = 0;
  Endpoint knocked_;  // the last one told

  Fifo<Bytes> messages_;      // to be sent
  Fifo<UdxDatagram> copies_;  // repeats for the old path
  std::uint64_t packets_in_ = 0;
  std::uint64_t packets_out_ = 0;
};

}  // namespace cip::overlay
