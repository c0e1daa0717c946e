#pragma once

// All UDX streams of a node as one machine: datagrams in and out, ordered bytes and unordered
// messages up and down (udx.md). It knows no hello and no key: who owns it says which local id
// belongs to which peer, and encrypts what travels.
//
// Inputs: the commands and handle_*(). After every input drain poll_event() until it gives none;
// the bytes of a datagram may be used again only then. At the end of a turn, when all datagrams
// that were there are handed in, call settle(), which lets acknowledgements go; then drain
// poll_datagram() and arm the timer for next_timeout(). Where a socket takes no more the owner
// stops polling: nothing is cut into packets before it is polled.

#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <variant>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/random.hpp"
#include "base/time.hpp"

namespace cip::overlay {

// A stream, by the local id that the other side writes into its packets. Never 0: that names none.
using UdxId = std::uint32_t;

// A UDP socket of the node, by a number of the driver's: 0 server, 1 client, others as it likes.
using UdxSocket = std::uint8_t;

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
// input; it is of the datagram where possible.
struct UdxData {
  UdxId id = 0;
  ByteView bytes;
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

class UdxStreams final {
 public:
  explicit UdxStreams(Random& random, const UdxLimits& limits = {});  // `random` outlives it
  UdxStreams(UdxStreams&&) noexcept;
  UdxStreams& operator=(UdxStreams&&) noexcept;
  ~UdxStreams();

  // --- life of a stream. An id that names no stream is ignored by all commands.

  // A stream with a fresh local id, for a hello of `source_ip` (0: for a call of our own). Packets
  // may come in from now on. None: a bound of udx.md 13 is reached. Not connected within 10 s it
  // closes with timed_out.
  std::optional<UdxId> create(Now now, std::uint32_t source_ip);
  // Sends the acknowledgement that may be owed, and lets data flow. Once per stream.
  void connect(Now now, UdxId id, const UdxPath& path);
  // Moves a connected stream, e.g. from a relay to a direct path (udx.md 11).
  void change_remote(Now now, UdxId id, const UdxPath& path);
  // Ends the own direction behind what was written.
  void end(Now now, UdxId id);
  // The stream is gone at once, without an event; what is unsent is lost. The other side is told
  // by one packet. A healthy stream is ended first, and destroyed if that takes too long.
  void destroy(Now now, UdxId id);

  // --- data

  void write(Now now, UdxId id, Bytes bytes);
  // Bytes written and not yet sent for the first time.
  std::size_t queued(UdxId id) const;
  // Unordered, at most once, at most kUdxMaxMessage bytes; dropped when not connected. 64 wait per
  // stream, the oldest goes first.
  void send_message(Now now, UdxId id, ByteView message);
  // While held nothing is handed up, and the window closes honestly.
  void hold(Now now, UdxId id, bool held);

  // --- what the owner learned about the peer

  // A message of the secret stream was decrypted: packets are taken from now on only from the
  // connected address and those whose data was part of the lane so far (udx.md 13).
  void trust(UdxId id);
  // The peer is a cipnode: payloads above 2028 bytes are allowed if the path carries them.
  void set_large_datagrams(UdxId id, bool allowed);

  // --- inputs

  // False: not for a live stream of ours, nothing was done. The bytes may be read until
  // poll_event() gives none.
  bool handle_datagram(Now now, UdxSocket socket, Endpoint from, MutableByteView datagram);
  void handle_timeout(Now now);
  void settle(Now now);

  // --- outputs

  // Acknowledgements and other small packets first, then data, a burst of each stream in turn.
  std::optional<UdxDatagram> poll_datagram(Now now);
  std::optional<UdxEvent> poll_event();
  std::optional<TimePoint> next_timeout() const;

  // --- what is known

  UdxCounters counters() const;
  std::optional<UdxStatus> status(UdxId id) const;

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace cip::overlay
