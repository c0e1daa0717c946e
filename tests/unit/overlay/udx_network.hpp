#pragma once

// Two UdxStreams and the path between them, on a virtual clock: latency, loss, reordering,
// duplication, a bottleneck with a queue, an MTU. What each side reads is compared with what the
// other wrote, byte by byte and as it comes.

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::test {

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

// The byte of a lane at a position: content that no shift and no mix-up leaves equal.
inline std::uint8_t udx_byte(int side, std::uint64_t position) {
  const auto mixed = (position + 1) * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(side);
  return static_cast<std::uint8_t>(mixed >> 56 ^ position);
}

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
                      const overlay::UdxLimits& limits = {})
      : random_(seed), ends{UdxEnd(seed * 2 + 1, limits), UdxEnd(seed * 2 + 2, limits)} {
    paths = {model, model};
    for (auto& end : ends) end.id = *end.streams.create(now(), 0, overlay::kUdxCallTimeout);
  }

  Now now() const { return {now_, UnixMillis{1}}; }

  void connect(int side) {
    auto& end = ends[static_cast<std::size_t>(side)];
    const auto other = static_cast<std::size_t>(1 - side);
    end.streams.connect(now(), end.id, {0, kUdxAddresses[other], ends[other].id});
  }
  void connect() {
    connect(0);
    connect(1);
  }
  // So many bytes, and END behind them.
  void transfer(int side, std::uint64_t bytes) {
    auto& end = ends[static_cast<std::size_t>(side)];
    end.to_write += bytes;
    end.wants_end = true;
  }

  // Until nothing is left to do, or until `limit` has passed.
  void run(Duration limit) {
    const auto until = now_ + limit;
    while (true) {
      for (int side = 0; side < 2; ++side) pump(side);
      const auto next = next_event();
      if (!next || *next > until) break;
      now_ = std::max(now_, *next);
      deliver_due();
      for (auto& end : ends) {
        const auto at = end.streams.next_timeout();
        if (at && *at <= now_) end.streams.handle_timeout(now());
      }
    }
    now_ = until;
  }
  bool both_closed() const { return ends[0].closed && ends[1].closed; }
  // As run(), but ends when both are closed; how long it took.
  Duration run_until_closed(Duration limit) {
    const auto begin = now_;
    while (!both_closed() && now_ - begin < limit) run(std::chrono::milliseconds(50));
    return now_ - begin;
  }

  // Sends, reads and writes what one side can at this moment.
  void pump(int side) {
    auto& end = ends[static_cast<std::size_t>(side)];
    feed(side);
    drain(side);
    end.streams.settle(now());
    while (auto datagram = end.streams.poll_datagram(now())) {
      send(side, *datagram);
      feed(side);
      drain(side);
    }
  }

  std::array<UdxPathModel, 2> paths;  // by sending side
  // Sees each packet before the path does; may change it; false: dropped.
  std::function<bool(int side, Bytes& packet)> tap;
  // Sees each packet that reaches the other end.
  std::function<void(int to, const overlay::UdxPacket& packet)> arrival;
  bool sendable = true;  // each datagram fits one system call
  std::size_t packets_sent = 0;
  std::size_t largest_queue = 0;

 private:
  struct Flying {
    int to = 0;
    Bytes bytes;
  };

  void feed(int side) {
    auto& end = ends[static_cast<std::size_t>(side)];
    if (end.closed) return;
    while (end.to_write > 0 && end.streams.queued(end.id) < overlay::kUdxMaxQueue) {
      const auto n = std::min<std::uint64_t>(end.to_write, 1 + random_.below(40'000));
      Bytes bytes(n);
      for (auto& byte : bytes) byte = udx_byte(side, end.written++);
      end.to_write -= n;
      end.streams.write(now(), end.id, std::move(bytes));
    }
    if (end.to_write == 0 && end.wants_end && !end.has_ended) {
      end.has_ended = true;
      end.streams.end(now(), end.id);
    }
  }

  void drain(int side) {
    auto& end = ends[static_cast<std::size_t>(side)];
    while (const auto event = end.streams.poll_event()) handle(side, end, *event);
  }

  void handle(int side, UdxEnd& end, const overlay::UdxEvent& event) {
    if (const auto* data = std::get_if<overlay::UdxData>(&event)) {
      for (const auto byte : data->bytes)
        end.correct = end.correct && byte == udx_byte(1 - side, end.read++);
      if (end.last_read != TimePoint{})
        end.longest_silence = std::max(end.longest_silence, now_ - end.last_read);
      end.last_read = now_;
    } else if (const auto* message = std::get_if<overlay::UdxMessage>(&event)) {
      end.messages.push_back(message->bytes);
    } else if (const auto* closed = std::get_if<overlay::UdxClosed>(&event)) {
      end.closed = closed->error;
    } else if (std::holds_alternative<overlay::UdxEnded>(event)) {
      end.saw_end = true;
    } else if (std::holds_alternative<overlay::UdxKnocked>(event)) {
      ++end.knocks;
    } else {
      ++end.writable;
    }
  }

  void send(int side, const overlay::UdxDatagram& datagram) {
    // What one sendmsg() with UDP_SEGMENT takes.
    const auto packets = (datagram.bytes.size() + datagram.segment - 1) / datagram.segment;
    sendable = sendable && packets <= 64 && datagram.bytes.size() <= 65'507;
    for (std::size_t at = 0; at < datagram.bytes.size(); at += datagram.segment) {
      const auto n = std::min(datagram.segment, datagram.bytes.size() - at);
      Bytes packet = to_bytes(ByteView(datagram.bytes).subspan(at, n));
      ++packets_sent;
      if (tap && !tap(side, packet)) continue;
      carry(side, std::move(packet), datagram.may_fragment);
    }
  }

  void carry(int side, Bytes packet, bool may_fragment) {
    const auto& path = paths[static_cast<std::size_t>(side)];
    auto& free_at = free_at_[static_cast<std::size_t>(side)];
    if (path.dead || random_.unit() < path.loss) return;
    if (packet.size() + 28 > path.mtu && !may_fragment) return;
    auto leaves = now_;
    if (path.rate > 0) {
      leaves = std::max(now_, free_at);
      const auto waiting =
          static_cast<std::size_t>((leaves - now_).count()) * path.rate / 1'000'000;
      largest_queue = std::max(largest_queue, waiting);
      if (waiting > path.queue) return;
      leaves += Duration((packet.size() + 28) * 1'000'000 / path.rate);
      free_at = leaves;
    }
    auto arrives = leaves + path.latency;
    if (random_.unit() < path.reorder)
      arrives += Duration(random_.below(static_cast<std::uint64_t>(path.late.count())));
    if (random_.unit() < path.duplicate)
      flying_.emplace(arrives + Duration(100), Flying{1 - side, packet});
    flying_.emplace(arrives, Flying{1 - side, std::move(packet)});
  }

  std::optional<TimePoint> next_event() const {
    std::optional<TimePoint> next;
    if (!flying_.empty()) next = flying_.begin()->first;
    for (const auto& end : ends) {
      const auto at = end.streams.next_timeout();
      if (at && (!next || *at < *next)) next = *at;
    }
    return next;
  }

  void deliver_due() {
    while (!flying_.empty() && flying_.begin()->first <= now_) {
      auto packet = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      auto& end = ends[static_cast<std::size_t>(packet.to)];
      if (arrival) arrival(packet.to, *overlay::decode_udx_packet(packet.bytes));
      end.streams.handle_datagram(now(), 0, kUdxAddresses[static_cast<std::size_t>(1 - packet.to)],
                                  packet.bytes);
      drain(packet.to);
    }
  }

  SeededRandom random_;
  TimePoint now_ = TimePoint{} + std::chrono::seconds(1000);
  std::multimap<TimePoint, Flying> flying_;
  std::array<TimePoint, 2> free_at_{};

 public:
  std::array<UdxEnd, 2> ends;
};

}  // namespace cip::test
