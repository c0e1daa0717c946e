#pragma once

// What UDX streams say to their owner, and what they are told: ids, paths, datagrams, events,
// bounds and numbers.

#include <cstdint>
#include <optional>
#include <system_error>
#include <variant>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::overlay {

// A stream, by the local id that the other side writes into its packets. Never 0: that names none.
using UdxId = std::uint32_t;

// A UDP socket of the node, by a number of the driver's: 0 server, 1 client, others as it likes.
using UdxSocket = std::uint16_t;

// Where a stream leads: from which socket, to which address, to which stream there.
struct UdxPath {
  UdxSocket socket = 0;
  Endpoint to;
  std::uint32_t remote_id = 0;

  bool operator==(const UdxPath&) const = default;
};

// One or more packets for one address. All are of `segment` bytes, the last may be shorter: one
// sendmsg() with UDP_SEGMENT if there are several.
struct UdxDatagram {
  UdxSocket socket = 0;
  Endpoint to;
  Bytes bytes;
  std::size_t segment = 0;
  bool may_fragment =
      false;  // not to be sent with DF: a repeat that the path became too narrow for
};

// --- events

// The next bytes of the stream, never empty. The view is valid until the next poll_event() or
// input; it is of the datagram where possible. Whoever reads it may change it: it is decrypted
// where it is.
struct UdxData {
  UdxId id = 0;
  MutableByteView bytes;
};
// An unordered message, also an empty one; may come twice or never.
struct UdxMessage {
  UdxId id = 0;
  UdxSocket socket = 0;
  Endpoint from;
  Bytes bytes;
};
// A packet of a stream that is not connected came from here; once per source, for eight of them.
// What it carries is kept. The owner answers with connect() or destroy(), or waits.
struct UdxKnocked {
  UdxId id = 0;
  UdxSocket socket = 0;
  Endpoint from;
};
// The other side has ended and everything before that was handed up.
struct UdxEnded {
  UdxId id = 0;
};
// The stream is gone; last event of it. No error: both sides ended and all was acknowledged.
// std::errc: connection_reset (the other side destroyed it), timed_out (no progress, or not
// connected in time).
struct UdxClosed {
  UdxId id = 0;
  std::error_code error;
};
// A queue that had been full has room for a quarter of its bound again.
struct UdxWritable {
  UdxId id = 0;
};
using UdxEvent = std::variant<UdxData, UdxMessage, UdxKnocked, UdxEnded, UdxClosed, UdxWritable>;

// --- bounds and numbers

// What a stream's queue holds beyond what is in flight (udx.md 9). Owners ask queued() before they
// write more; what is written beyond is taken, since only the owner knows what it may drop.
inline constexpr std::size_t kUdxMaxQueue = 256 * 1024;
// Longest unordered message that is sent (udx.md 13).
inline constexpr std::size_t kUdxMaxMessage = 1024;

// How long a stream waits to be connected: the other side of a hello sends at once; a hello of our
// own may have to find its way past relays that are gone.
inline constexpr Duration kUdxConnectTimeout = std::chrono::seconds(10);
inline constexpr Duration kUdxCallTimeout = std::chrono::seconds(60);

// udx.md 13. The bound of streams per remote key is the owner's, who knows the keys.
struct UdxLimits {
  std::size_t streams = 1024;
  std::size_t unconnected = 256;
  std::size_t unconnected_per_source = 64;
  std::size_t unconnected_loopback = 512;
  std::size_t receive_total = std::size_t{64} << 20;  // bytes held for all streams together
  // For not yet connected streams, each; a first flight and some.
  std::size_t receive_unconnected = 64 * 1024;
};

// Since the start. Datagrams of no stream are not counted here: they are not ours.
struct UdxCounters {
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t retransmits = 0;
  std::uint64_t streams_closed = 0;
  std::uint64_t streams_reset = 0;      // by the other side
  std::uint64_t streams_timed_out = 0;  // no progress, or never connected
  std::uint64_t late_answered = 0;      // packets of closed streams that got the final ACK
  // Packets dropped, or parts of them, by reason.
  std::uint64_t dropped_malformed = 0;  // an offset behind the end of the packet
  std::uint64_t dropped_source = 0;     // not from an address of the peer (udx_source)
  std::uint64_t dropped_ahead = 0;      // too many numbers ahead
  std::uint64_t dropped_window = 0;     // beyond the window that was advertised
  std::uint64_t dropped_total = 0;      // beyond the memory of all streams
  std::uint64_t ignored_acks = 0;       // acknowledges what was never sent
  std::uint64_t ignored_sacks = 0;      // a block that cannot be
  std::uint64_t ignored_destroys = 0;   // old, or too far ahead
  std::uint64_t dropped_messages = 0;   // more than a stream keeps
};

// What is known of one stream.
struct UdxStatus {
  bool connected = false;
  UdxPath path;
  std::optional<Duration> rtt;  // smoothed; none before the first sample
  std::size_t mtu = 0;          // of IP packets, bytes
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t retransmits = 0;
  std::uint64_t bytes_in = 0;   // handed up
  std::uint64_t bytes_out = 0;  // acknowledged
};

}  // namespace cip::overlay
