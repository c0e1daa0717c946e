#pragma once

// Two UdxStreams and the path between them, on a virtual clock: latency, loss, reordering,
// duplication, a bottleneck with a queue, an MTU. What each side reads is compared with what the
// other wrote, byte by byte and as it comes.

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::simulations {

inline constexpr std::array<Endpoint, 2> kUdxAddresses{Endpoint{0x0a000001, 1001},
                                                       Endpoint{0x0a000002, 1002}};

struct UdxPathModel {
  Duration latency = std::chrono::milliseconds(10);
  double loss = 0;
  double reorder = 0;  // share of packets that are late by up to `late`
  Duration late = std::chrono::milliseconds(5);
  double duplicate = 0;
  std::uint64_t rate = 0;       // bytes per second; 0: no bottleneck
  std::size_t queue = 200'000;  // bytes in front of the bottleneck
  std::size_t mtu = 1500;       // of IP packets
  bool dead = false;            // carries nothing
};

// One end with its one stream.
struct UdxEnd {
  explicit UdxEnd(std::uint64_t seed, const overlay::UdxLimits& limits)
      : random(seed), streams(random, limits) {}

  SeededRandom random;
  overlay::UdxStreams streams;
  overlay::UdxId id = 0;
  std::uint64_t to_write = 0;  // bytes still to be written
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  bool wants_end = false;  // END behind the last byte
  bool has_ended = false;  // that was said
  bool saw_end = false;
  bool correct = true;  // all that was read is what was written
  std::optional<std::error_code> closed;
  std::vector<Bytes> messages;
  int knocks = 0;
  int writable = 0;
  TimePoint last_read{};
  Duration longest_silence{};  // between reads, while there was something to read
};

class UdxNetwork {
 public:
  explicit UdxNetwork(std::uint64_t seed, const UdxPathModel& model = {},
                      const overlay::UdxLimits& limits = {});

  Now now() const { return {now_, UnixMillis{1}}; }

  void connect(int side);
  void connect() {
    connect(0);
    connect(1);
  }
  // So many bytes, and END behind them.
  void transfer(int side, std::uint64_t bytes);

  // Until nothing is left to do, or until `limit` has passed.
  void run(Duration limit);
  bool both_closed() const { return ends[0].closed && ends[1].closed; }
  // As run(), but ends when both are closed; how long it took.
  Duration run_until_closed(Duration limit);

  // Sends, reads and writes what one side can at this moment.
  void pump(int side);

  std::array<UdxPathModel, 2> paths;  // by sending side
  // Sees each packet before the path does; may change it; false: dropped.
  std::function<bool(int side, Bytes& packet)> tap;
  // Sees each packet that reaches the other end.
  std::function<void(int to, const overlay::UdxPacket& packet)> arrival;
  bool sendable = true;  // each datagram fits one system call
  std::size_t packets_sent = 0;
  std::uint64_t largest_queue = 0;

 private:
  struct Flying {
    int to = 0;
    Bytes bytes;
  };

  void feed(int side);
  void drain(int side);
  void handle(int side, UdxEnd& end, const overlay::UdxEvent& event);
  void read(int side, UdxEnd& end, ByteView bytes);
  void send(int side, const overlay::UdxDatagram& datagram);
  void carry(int side, Bytes packet, bool may_fragment);
  std::optional<TimePoint> next_event() const;
  void deliver_due();

  SeededRandom random_;
  TimePoint now_ = TimePoint{} + std::chrono::seconds(1000);
  std::multimap<TimePoint, Flying> flying_;
  std::array<TimePoint, 2> free_at_{};

 public:
  std::array<UdxEnd, 2> ends;
};

}  // namespace cip::simulations
