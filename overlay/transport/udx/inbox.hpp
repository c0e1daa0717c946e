#pragma once

// What comes in on a stream, on its way up: in order as soon as it can be, unless the stream is
// held or not connected yet; then it is kept here, within the window and the room of all streams
// (udx.md 4, 5 and 9).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/fifo.hpp"
#include "base/time.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/receive_window.hpp"
#include "overlay/transport/udx/receiver.hpp"
#include "overlay/transport/udx/shared.hpp"

namespace cip::overlay {

// Unordered messages that wait, of each stream and direction (udx.md 13).
inline constexpr std::size_t kUdxMessagesKept = 64;

class UdxInbox {
 public:
  UdxInbox(UdxId id, UdxSeq first, UdxShared& shared);
  ~UdxInbox();
  UdxInbox(const UdxInbox&) = delete;
  UdxInbox& operator=(const UdxInbox&) = delete;

  // How a packet with data is to be acknowledged.
  enum class Answer : std::uint8_t {
    none,     // it was dropped
    usual,    // it was the next one
    at_once,  // anything else
  };
  // A packet of DATA or END. The views of events are into it.
  Answer take(TimePoint now, const UdxPacket& packet, Duration rtt);
  void take_message(UdxSocket socket, Endpoint from, ByteView payload);

  // The stream is connected: what was kept goes up.
  void open();
  void hold(bool held);

  // The window for a packet that leaves now.
  std::uint32_t window() { return window_.advertise(unread_bytes_, shared_.room.left()); }
  // The other side is to be told of the window unasked.
  bool has_opened() const {
    return open_ && window_.has_opened(unread_bytes_, shared_.room.left());
  }
  const UdxReceiver& receiver() const { return receiver_; }
  // The end of the other side, and all before it, was handed up.
  bool ended() const { return end_told_; }
  std::uint64_t bytes_in_order() const { return bytes_in_order_; }

 private:
  void take_in_order(TimePoint now, ByteView payload, Duration rtt);
  bool has_room_for(std::size_t bytes, bool early);
  void keep(ByteView bytes);
  void hand_up();
  void tell_end();
  void account();
  // The window is about bytes; the room is about what holding them costs.
  std::size_t held_bytes() const { return receiver_.held_bytes() + unread_bytes_; }
  std::size_t held_cost() const;
  bool keeps_back() const { return held_ || !open_; }

  UdxId id_;
  UdxShared& shared_;
  UdxReceiver receiver_;
  UdxReceiveWindow window_;
  bool open_ = false;
  bool held_ = false;
  bool end_told_ = false;
  std::vector<Bytes> unread_;  // in order, not handed up
  std::size_t unread_bytes_ = 0;
  std::size_t accounted_ = 0;  // of held_cost(), in the room of all streams
  Fifo<UdxEvent> messages_;    // of a stream that is not open
  std::uint64_t bytes_in_order_ = 0;
};

}  // namespace cip::overlay
