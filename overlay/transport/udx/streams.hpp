#pragma once

// All UDX streams of a node as one machine: datagrams in and out, ordered bytes and unordered
// messages up and down (udx.md). It knows no hello and no key: who owns it says which local id
// belongs to which peer, and encrypts what travels.
//
// Inputs: the commands and handle_*(). After every input drain poll_event() until it gives none;
// the bytes of a datagram may be used again only then. At the end of a turn, when all datagrams
// that were there are handed in, call settle(), which lets acknowledgements go; then drain
// poll_datagram(), poll_event() once more (a queue may have room now), and arm the timer for
// next_timeout(). Where a socket takes no more the owner stops polling: nothing is cut into packets
// before it is polled.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/number_map.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/transport/udx/admission.hpp"
#include "overlay/transport/udx/closed_streams.hpp"
#include "overlay/transport/udx/stream.hpp"
#include "overlay/transport/udx/timers.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

class UdxStreams final {
 public:
  explicit UdxStreams(Random& random, const UdxLimits& limits = {});  // `random` outlives it

  // --- life of a stream. An id that names no stream is ignored by all commands.

  // A stream with a fresh local id, for a hello of `source_ip` (0: for a call of our own). Packets
  // may come in from now on. None: a bound of udx.md 13 is reached. Not connected in time it
  // closes with timed_out.
  std::optional<UdxId> create(Now now, std::uint32_t source_ip,
                              Duration patience = kUdxConnectTimeout);
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
  struct Entry {
    Entry(TimePoint connect_by, UdxId id, std::uint32_t ip,
          std::unique_ptr<UdxCongestion> congestion, UdxShared& shared)
        : stream(connect_by, id, {}, std::move(congestion), shared), source_ip(ip) {}

    UdxStream stream;
    std::uint32_t source_ip;
    UdxTimers::Place timer;
    bool in_small = false;  // stands in small_
    bool in_data = false;   // stands in data_
    bool touched = false;   // stands in touched_
    bool full = false;      // UdxWritable is owed when its queue has room
  };

  Entry* find(UdxId id) const;
  UdxId fresh_id(TimePoint now);
  bool answer_late(TimePoint now, const UdxPacket& packet);
  void refresh(TimePoint now, Entry& entry);
  void close(TimePoint now, Entry& entry);
  void remove(TimePoint now, Entry& entry, std::optional<UdxFinalAck> answer);
  void queue_farewell(const UdxPath& path, const UdxHeader& header);
  std::optional<UdxDatagram> next_datagram(TimePoint now);
  Entry* pop(std::deque<UdxId>& queue, bool Entry::*stands_in);
  void after_sending(TimePoint now, Entry& entry);

  Random& random_;
  std::unique_ptr<UdxShared> shared_;
  NumberMap<std::unique_ptr<Entry>> streams_;
  UdxAdmission admission_;
  UdxClosedStreams closed_;
  UdxTimers timers_;
  std::vector<UdxId> touched_;         // by packets, since the last turn
  std::vector<UdxId> due_;             // scratch of handle_timeout()
  std::deque<UdxDatagram> farewells_;  // of streams that are gone
  std::deque<UdxId> small_;            // streams with something to send, each once
  std::deque<UdxId> data_;
};

}  // namespace cip::overlay
