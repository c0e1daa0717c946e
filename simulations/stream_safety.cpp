#include "simulations/stream_safety.hpp"

#include <fmt/format.h>

#include <cmath>

#include "overlay/transport/udx/repeat_timer.hpp"
#include "simulations/udx_network.hpp"

namespace cip::simulations {
namespace {

// Between the two, so that each order of magnitude is drawn as often as the others.
std::uint64_t magnitude(Random& random, double least, double most) {
  return static_cast<std::uint64_t>(
      std::exp(std::log(least) + random.unit() * std::log(most / least)));
}

bool one_in(Random& random, std::uint64_t n) { return random.below(n) == 0; }

UdxPathModel draw_path(Random& random) {
  UdxPathModel path;
  path.latency = Duration(magnitude(random, 10, 200'000));
  if (!one_in(random, 4)) path.loss = random.unit() * 0.2;
  if (!one_in(random, 3)) path.reorder = random.unit() * 0.5;
  path.late = Duration(magnitude(random, 100, 100'000));
  if (!one_in(random, 3)) path.duplicate = random.unit() * 0.2;
  if (one_in(random, 2)) path.rate = magnitude(random, 50'000, 50'000'000);
  path.queue = static_cast<std::size_t>(magnitude(random, 20'000, 1'000'000));
  path.mtu = 1280 + random.pick(221);
  return path;
}

std::uint64_t draw_bytes(Random& random) {
  return one_in(random, 5) ? random.below(3) : magnitude(random, 1, 200'000);
}

std::string text_of(const UdxPathModel& path) {
  const auto rate = path.rate == 0
                        ? std::string("no bottleneck")
                        : fmt::format("{} bytes/s behind {} bytes", path.rate, path.queue);
  return fmt::format(
      "{:.1f} ms, loss {:.1f} %, {:.1f} % late by {:.1f} ms, {:.1f} % twice, {}, MTU {}",
      to_ms(path.latency), path.loss * 100, path.reorder * 100, to_ms(path.late),
      path.duplicate * 100, rate, path.mtu);
}

constexpr Duration kStep = std::chrono::milliseconds(50);

class StreamScenario {
 public:
  explicit StreamScenario(std::uint64_t seed) : seed_(seed), random_(seed), network_(seed) {
    for (auto& path : network_.paths) path = draw_path(random_);
    for (auto& bytes : wanted_) bytes = draw_bytes(random_);
    network_.arrival = [this](int to, const overlay::UdxPacket&) {
      heard_[static_cast<std::size_t>(to)] = network_.now().mono;
    };
  }

  StreamSafetyRun run() {
    const auto began = network_.now().mono;
    begin();
    while (!network_.both_closed() && !gave_up_ && network_.now().mono - began < kStreamsEnd) {
      network_.run(kStep);
      look_for_death();
    }
    return {
        .seed = seed_,
        .world = fmt::format("{} bytes over {}; {} bytes back over {}", wanted_[0],
                             text_of(network_.paths[0]), wanted_[1], text_of(network_.paths[1])),
        .broken = broken(),
        .gave_up = gave_up_,
        .bytes = wanted_[0] + wanted_[1],
        .packets = network_.packets_sent,
        .seconds = to_ms(network_.now().mono - began) / 1000};
  }

 private:
  void begin() {
    network_.connect(0);
    // The other side may be told later than the first packet comes.
    if (one_in(random_, 2)) network_.run(Duration(random_.below(300'000)));
    network_.connect(1);
    network_.transfer(0, wanted_[0]);
    network_.transfer(1, wanted_[1]);
  }

  void look_for_death() {
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& closed = network_.ends[side].closed;
      if (!closed || *closed != std::errc::timed_out) continue;
      gave_up_ = gave_up_ || network_.now().mono - heard_[side] >= overlay::kUdxDeathTime;
    }
  }

  std::string broken() const {
    if (!network_.sendable) return "a datagram does not fit one system call";
    for (std::size_t side = 0; side < 2; ++side) {
      if (!network_.ends[side].correct)
        return fmt::format("side {} read other bytes than were written", side);
      if (gave_up_) continue;
      if (auto wrong = wrong_end(network_.ends[side], wanted_[1 - side]); !wrong.empty())
        return fmt::format("side {} {}", side, wrong);
    }
    return {};
  }

  static std::string wrong_end(const UdxEnd& end, std::uint64_t wanted) {
    if (!end.closed) return "is not closed";
    if (*end.closed) return "closed: " + end.closed->message();
    if (end.read != wanted) return fmt::format("read {} bytes of {}", end.read, wanted);
    if (!end.saw_end) return "saw no end";
    return end.streams.status(end.id) ? "keeps its stream" : "";
  }

  std::uint64_t seed_;
  SeededRandom random_;
  UdxNetwork network_;
  std::array<std::uint64_t, 2> wanted_{};
  std::array<TimePoint, 2> heard_{};  // when a packet came last
  bool gave_up_ = false;
};

}  // namespace

StreamSafetyRun run_stream_safety(std::uint64_t seed) { return StreamScenario(seed).run(); }

}  // namespace cip::simulations
