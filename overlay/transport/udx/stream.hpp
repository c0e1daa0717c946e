#pragma once

// One UDX stream: both halves, its path, and its life from created to closed (udx.md 4, 5 and 11).
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
#include "overlay/transport/udx/events.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/receive_window.hpp"
#include "overlay/transport/udx/receiver.hpp"
#include "overlay/transport/udx/sender.hpp"
#include "overlay/transport/udx/sources.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

inline constexpr Duration kUdxConnectTimeout = std::chrono::seconds(10);
// Unordered messages that wait, of each stream and direction (udx.md 13).
inline constexpr std::size_t kUdxMessagesKept = 64;
// Sources of a stream that is not connected of which the owner is told.
inline constexpr std::size_t kUdxKnocks = 8;

// What the streams of a node have in common; outlives them.
struct UdxShared {
  explicit UdxShared(const UdxLimits& given) : limits(given), room(given.receive_total) {}

  UdxLimits limits;
  UdxReceiveRoom room;
  UdxCounters counters;
  UdxEvents events;
};

// First numbers of both directions: 0, but for tests.
struct UdxFirstNumbers {
  UdxSeq own = 0;
  UdxSeq others = 0;
};

class UdxStream {
 public:
  UdxStream(TimePoint now, UdxId id, UdxFirstNumbers first,
            std::unique_ptr<UdxCongestion> congestion, UdxShared& shared);
  ~UdxStream();
  UdxStream(const UdxStream&) = delete;
  UdxStream& operator=(const UdxStream&) = delete;

  // --- commands, as in UdxStreams

  void connect(TimePoint now, const UdxPath& path);
  void change_remote(TimePoint now, const UdxPath& path);
  void write(TimePoint now, Bytes bytes) { sender_.write(now, std::move(bytes)); }
  void end(TimePoint now) { sender_.end(now); }
  void send_message(ByteView message);
  void hold(TimePoint now, bool keep_back);
  void trust() { sources_.trust(); }
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
  bool has_burst(TimePoint now) const { return connected_ && sender_.can_send(now); }
  UdxDatagram take_burst(TimePoint now);
  std::optional<TimePoint> next_timeout(TimePoint now) const;
  // A header for a packet without data, of this type (udx.md 2), as of now.
  UdxHeader header(std::uint8_t type);

  // --- what is known

  UdxId id() const { return id_; }
  bool is_connected() const { return connected_; }
  bool owes_ack(TimePoint now) const { return connected_ && (ack_released_ || acks_.due(now)); }
  const UdxPath& path() const { return path_; }
  std::size_t queued() const { return sender_.queued(); }
  // The stream is over, and why; no error: both sides ended.
  const std::optional<std::error_code>& closed() const { return closed_; }
  UdxStatus status() const;

 private:
  // How a packet with data is acknowledged.
  enum class Answer : std::uint8_t { none, usual, at_once };

  void knock(UdxSocket socket, Endpoint from);
  void handle_content(TimePoint now, UdxSocket socket, Endpoint from, const UdxPacket& packet);
  Answer take_data(TimePoint now, const UdxPacket& packet);
  void take_in_order(TimePoint now, ByteView payload);
  bool has_room_for(std::size_t bytes);
  void keep_unread(Bytes bytes);
  void hand_up_unread();
  void tell_end();
  void account();
  void handle_destroy(UdxSeq seq);
  void take_message(UdxSocket socket, Endpoint from, ByteView payload);
  void handle_ack(TimePoint now, const UdxPacket& packet);
  void finish();
  std::size_t held() const { return receiver_.held_cost() + unread_cost_; }
  bool keeps_back() const { return held_back_ || !connected_; }
  std::size_t payload_ceiling() const;
  UdxDatagram take_ack();
  UdxDatagram take_packet(std::uint8_t type, ByteView payload);
  UdxDatagram to_peer(Bytes packet);
  void copy_to_old_path(const UdxDatagram& sent);

  UdxId id_;
  UdxShared& shared_;
  UdxSender sender_;
  UdxReceiver receiver_;
  UdxAckPolicy acks_;
  UdxReceiveWindow window_;
  UdxSources sources_;

  bool connected_ = false;
  bool held_back_ = false;
  bool large_datagrams_ = false;
  bool ack_released_ = false;
  bool end_told_ = false;
  UdxPath path_;
  std::optional<std::error_code> closed_;
  TimePoint created_;
  std::uint8_t knocks_ = 0;
  UdxSocket knocked_socket_ = 0;
  Endpoint knocked_;  // the last one told

  // A change of the remote that is not complete.
  std::optional<UdxSeq> change_end_;   // numbers below it were sent before
  std::optional<UdxPath> repeats_to_;  // the old path, until the first acknowledgement
  Fifo<UdxDatagram> copies_;

  Fifo<Bytes> unread_;  // in order, not handed up
  std::size_t unread_cost_ = 0;
  std::size_t accounted_ = 0;  // of held(), in shared_.room
  Fifo<UdxEvent> early_messages_;
  Fifo<Bytes> messages_;  // to be sent

  std::uint64_t packets_in_ = 0;
  std::uint64_t packets_out_ = 0;
  std::uint64_t bytes_in_ = 0;
};

}  // namespace cip::overlay
