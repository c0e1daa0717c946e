#pragma once

// A path for tests of what sends: a bottleneck with a rate and a queue, a delay, losses both ways;
// on it senders made of congestion control, pacer, round trip and delivery rate, each to a receiver
// that acknowledges every packet. Virtual time, one seed.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/transport/udx/bbr.hpp"
#include "overlay/transport/udx/delivery_rate.hpp"
#include "overlay/transport/udx/pacer.hpp"
#include "overlay/transport/udx/rtt.hpp"

namespace cip::overlay::test {

inline constexpr std::size_t kPacket = 1452;

struct PathOptions {
  std::uint64_t rate = 20'000'000;  // bytes per second
  std::size_t queue = 1'000'000;    // bytes
  Duration rtt = std::chrono::milliseconds(50);
  double loss = 0;       // of packets and of ACKs each
  Duration ack_every{};  // ACKs leave the receiver in bundles, at such times; 0: at once
};

// Events in order of time, then of their making.
class Timeline {
 public:
  TimePoint now() const { return now_; }
  void at(TimePoint when, std::function<void()> what);
  // False: nothing is left to happen.
  bool step();

 private:
  struct Event {
    TimePoint when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };
  TimePoint now_{};
  std::uint64_t made_ = 0;
  std::priority_queue<Event> events_;
};

class Path {
 public:
  Path(Timeline& timeline, PathOptions options, std::uint64_t seed);

  // Both call `arrived` at the other end, if it comes to that.
  void send(std::size_t bytes, std::function<void()> arrived);
  // False: it will not.
  bool send_ack(std::function<void()> arrived);

  PathOptions options;  // may change while it runs
  std::uint64_t dropped_by_queue = 0;
  std::uint64_t offered = 0;  // packets

 private:
  Timeline& timeline_;
  SeededRandom random_;
  std::chrono::nanoseconds free_at_{};  // when the bottleneck has sent all it holds
};

class Sender {
 public:
  Sender(Timeline& timeline, Path& path, std::uint64_t seed);

  // So many more bytes are to be sent.
  void write(std::uint64_t bytes);
  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t retransmitted = 0;  // packets
  std::uint64_t timeouts = 0;
  std::size_t largest_flight = 0;
  std::size_t in_flight() const { return in_flight_; }
  const UdxRtt& rtt() const { return rtt_; }
  UdxBbr& bbr() { return bbr_; }

 private:
  // One transmission; numbers grow with each. A lost packet is a new one with the same bytes.
  struct Sent {
    SendMark mark;
    bool settled = false;  // delivered or called lost
    bool first_time = true;
  };
  void pump();
  void transmit(bool first_time);
  void received(std::uint64_t number);
  void send_acks();
  void acknowledged(const std::vector<std::uint64_t>& numbers);
  std::size_t call_lost(std::uint64_t below);
  void arm();
  void timed_out();
  void wake(TimePoint when);

  Timeline& timeline_;
  Path& path_;
  SeededRandom random_;
  UdxBbr bbr_;
  UdxPacer pacer_;
  UdxRtt rtt_;
  UdxDeliveryRate rate_;
  std::deque<Sent> flight_;  // from number first_ on
  std::uint64_t first_ = 0;
  std::uint64_t highest_ = 0;                  // number delivered
  std::size_t in_flight_ = 0;                  // bytes
  std::uint64_t unsent_ = 0;                   // packets
  std::uint64_t lost_ = 0;                     // packets to be sent again
  std::uint64_t delivered_ = 0;                // bytes
  std::vector<std::uint64_t> unacknowledged_;  // of the receiver
  bool ack_scheduled_ = false;
  std::uint64_t timer_ = 0;  // generation of the retransmission timer
  unsigned backoff_ = 1;
  std::optional<TimePoint> woken_at_;
};

}  // namespace cip::overlay::test
