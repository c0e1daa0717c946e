#include "overlay/transport/udx/bbr.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "overlay/transport/udx/fixed_window.hpp"
#include "tests/unit/overlay/udx_path.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace cip::overlay::test;
using namespace std::chrono_literals;

namespace {

using Mode = UdxBbr::Mode;
constexpr std::uint64_t kEndless = 100'000'000'000;
const PathOptions kShallow = {.rate = 2'000'000, .queue = 200'000};

// Senders on one path.
struct Net {
  explicit Net(PathOptions options, std::uint64_t seed = 1) : path(timeline, options, seed) {}

  Sender& add() {
    senders.push_back(std::make_unique<Sender>(timeline, path, senders.size() + 100));
    return *senders.back();
  }
  void run(Duration time) {
    const auto end = timeline.now() + time;
    timeline.at(end, [] {});
    while (timeline.now() < end && timeline.step()) {
    }
  }
  // Bytes per second of a sender over a while.
  double goodput(Sender& sender, Duration time) {
    const auto before = sender.delivered();
    run(time);
    return static_cast<double>(sender.delivered() - before) / (to_ms(time) / 1000);
  }
  // Runs on until something holds; at most a minute.
  template <typename Condition>
  bool reaches(Condition condition) {
    for (int i = 0; i < 60'000 && !condition(); ++i) run(1ms);
    return condition();
  }
  double queue_loss() const {
    return static_cast<double>(path.dropped_by_queue) / static_cast<double>(path.offered);
  }

  Timeline timeline;
  Path path;
  std::vector<std::unique_ptr<Sender>> senders;
};

double goodput_at(double loss, std::uint64_t seed) {
  Net net({.loss = loss}, seed);
  auto& sender = net.add();
  sender.write(kEndless);
  return net.goodput(sender, 2s);
}

// A round trip of a whole flight, as a sender without a network tells it.
struct Bench {
  SeededRandom random{1};
  UdxBbr bbr{random, kPacket};
  TimePoint now{};
  std::uint64_t delivered = 0;

  AckSample ack(std::size_t bytes, Duration rtt) {
    AckSample sample;
    sample.delivered = bytes;
    sample.rtt = rtt;
    sample.rate.prior_delivered = delivered;
    sample.rate.interval = rtt;
    delivered += bytes;
    sample.rate.total_delivered = delivered;
    sample.rate.delivered = bytes;
    if (rtt > 0us) {
      sample.rate.bytes_per_second = bytes * 1'000'000 / static_cast<std::uint64_t>(rtt.count());
    }
    return sample;
  }
  void round(std::size_t bytes, Duration rtt) {
    bbr.on_sent(now, bytes, kPacket);
    now += rtt;
    bbr.on_ack(now, ack(bytes, rtt));
  }
};

}  // namespace

TEST_CASE("a stream begins with 10 packets and one packet is always allowed") {
  Bench bench;
  CHECK(bench.bbr.window() == 10 * kPacket);
  CHECK(bench.bbr.pacing_rate());
  bench.bbr.on_rto(bench.now, 0);
  CHECK(bench.bbr.window() == kPacket);
}

TEST_CASE("startup finds the rate of the path within a second and leaves no queue behind") {
  Net net({});
  auto& sender = net.add();
  sender.write(kEndless);
  net.run(1s);
  CHECK(sender.bbr().mode() == Mode::probe_bandwidth);
  CHECK(sender.bbr().bandwidth() == doctest::Approx(20'000'000).epsilon(0.05));
  CHECK(*sender.bbr().min_rtt() < 51ms);
  CHECK(sender.rtt().srtt() < 65ms);
  CHECK(net.goodput(sender, 2s) >= 0.95 * 20'000'000);
}

TEST_CASE("loss that is not congestion costs little more than what was lost") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto clean = goodput_at(0, seed);
    CHECK(goodput_at(0.02, seed) >= 0.85 * clean);
    CHECK(goodput_at(0.10, seed) >= 0.55 * clean);
  }
}

TEST_CASE("a queue of one bdp and more loses at most 5 % of 20 MB, and the path stays full") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Net net(kShallow, seed);
    auto& sender = net.add();
    sender.write(20'000'000);
    REQUIRE(net.reaches([&] { return sender.delivered() >= 20'000'000; }));
    const auto seconds = to_ms(net.timeline.now() - TimePoint{}) / 1000;
    CHECK(20'000'000 / seconds >= 1'700'000);
    CHECK(net.queue_loss() <= 0.05);
  }
}

TEST_CASE("a queue of a tenth of a bdp is not overrun for ever") {
  Net net({.rate = 2'000'000, .queue = 15'000});
  auto& sender = net.add();
  sender.write(kEndless);
  CHECK(net.reaches([&] { return sender.bbr().flight_cap().has_value(); }));
  net.path.dropped_by_queue = net.path.offered = 0;
  CHECK(net.goodput(sender, 10s) >= 1'700'000);
  CHECK(net.queue_loss() <= 0.03);
}

TEST_CASE("noise that begins late is not taken for congestion for long") {
  Net net({});
  auto& sender = net.add();
  sender.write(kEndless);
  net.run(3s);
  net.path.options.loss = 0.10;
  net.run(5s);
  CHECK(net.goodput(sender, 3s) >= 0.70 * 20'000'000);
}

TEST_CASE("two streams share a bottleneck within 2 to 1, whoever came first") {
  for (const std::size_t queue : {50'000, 200'000}) {
    Net net({.rate = 2'000'000, .queue = queue});
    auto& first = net.add();
    first.write(kEndless);
    net.run(3s);
    auto& second = net.add();
    second.write(kEndless);
    net.run(5s);
    const auto before = second.delivered();
    const auto first_rate = net.goodput(first, 15s);
    const auto second_rate = static_cast<double>(second.delivered() - before) / 15;
    CHECK(first_rate <= 2 * second_rate);
    CHECK(second_rate <= 2 * first_rate);
    CHECK(first_rate + second_rate >= 1'700'000);
    CHECK(net.queue_loss() <= 0.05);
  }
}

TEST_CASE("ten streams lose little to a queue that they overran together") {
  Net net({.queue = 500'000});
  for (int i = 0; i < 10; ++i) net.add().write(kEndless);
  net.run(5s);
  net.path.dropped_by_queue = net.path.offered = 0;
  net.run(5s);
  CHECK(net.queue_loss() <= 0.08);
}

TEST_CASE("acknowledgements in bundles longer than the round trip do not starve a stream") {
  Net net({.rtt = 5ms, .ack_every = 20ms});
  auto& sender = net.add();
  sender.write(kEndless);
  net.run(1s);
  CHECK(net.goodput(sender, 2s) >= 0.85 * 20'000'000);
}

TEST_CASE("every 5 s the flight comes down to half of the bdp to look for the round trip") {
  Net net(kShallow);
  auto& sender = net.add();
  sender.write(kEndless);
  const auto in_probe_rtt = [&] { return sender.bbr().mode() == Mode::probe_rtt; };
  REQUIRE(net.reaches(in_probe_rtt));
  const auto began = net.timeline.now();
  CHECK(began - TimePoint{} > 5s);
  CHECK(began - TimePoint{} < 6s);
  CHECK(sender.bbr().window() == doctest::Approx(50'000).epsilon(0.1));
  REQUIRE(net.reaches([&] { return !in_probe_rtt(); }));
  CHECK(net.timeline.now() - began >= 200ms);
  CHECK(net.timeline.now() - began <= 400ms);
  CHECK(sender.bbr().window() > 150'000);
  REQUIRE(net.reaches(in_probe_rtt));
  CHECK(net.timeline.now() - began >= 5s);
}

TEST_CASE("a stream that has too little to send needs no PROBE_RTT") {
  Net net(kShallow);
  auto& sender = net.add();
  for (int i = 0; i < 200; ++i) {
    sender.write(10'000);
    net.run(50ms);
    CHECK(sender.bbr().mode() != Mode::probe_rtt);
  }
}

TEST_CASE("a longer round trip is believed after 10 s") {
  Net net(kShallow);
  auto& sender = net.add();
  sender.write(kEndless);
  net.run(2s);
  net.path.options.rtt = 150ms;
  net.run(20s);
  CHECK(*sender.bbr().min_rtt() >= 150ms);
  CHECK(net.goodput(sender, 5s) >= 1'700'000);
}

TEST_CASE("a stream goes on at its rate after idle, without a burst") {
  Net net(kShallow);
  auto& sender = net.add();
  sender.write(4'000'000);
  REQUIRE(net.reaches([&] { return sender.in_flight() == 0; }));
  net.run(3s);
  net.path.dropped_by_queue = net.path.offered = 0;
  sender.write(kEndless);
  CHECK(*sender.bbr().pacing_rate() == doctest::Approx(2'000'000).epsilon(0.05));
  CHECK(sender.in_flight() <= 8 * kPacket);  // two bursts and what makes them whole
  CHECK(net.goodput(sender, 1s) >= 1'700'000);
  CHECK(net.path.dropped_by_queue == 0);
}

TEST_CASE("after an outage a stream begins with one packet and has its rate back within a second") {
  Net net({});
  auto& sender = net.add();
  sender.write(kEndless);
  net.run(2s);
  net.path.options.loss = 1;
  net.run(2s);
  CHECK(sender.timeouts >= 2);
  CHECK(sender.bbr().window() == kPacket);
  CHECK(sender.bbr().bandwidth() >= 19'000'000);
  net.path.options.loss = 0;
  const auto before = sender.delivered();
  REQUIRE(net.reaches([&] { return sender.delivered() > before; }));
  net.run(1s);
  CHECK(net.goodput(sender, 1s) >= 0.9 * 20'000'000);
}

TEST_CASE("the window before a timeout comes back with the first round without loss, not before") {
  Bench bench;
  for (int i = 0; i < 20; ++i) bench.round(100'000, 50ms);
  const auto before = bench.bbr.window();
  REQUIRE(before >= 100'000);
  bench.bbr.on_rto(bench.now, 2 * kPacket);
  CHECK(bench.bbr.window() == 3 * kPacket);
  bench.bbr.on_rto(bench.now, 0);
  CHECK(bench.bbr.window() == kPacket);

  auto lossy = bench.ack(kPacket, 50ms);
  lossy.lost = kPacket;
  bench.bbr.on_ack(bench.now += 50ms, lossy);
  CHECK(bench.bbr.window() < before);
  bench.round(kPacket, 50ms);
  CHECK(bench.bbr.window() >= before);
}

TEST_CASE("a round trip of nothing divides nothing, and is not paced") {
  Bench bench;
  for (int i = 0; i < 100; ++i) bench.round(100'000, 0us);
  CHECK(bench.bbr.min_rtt() == 0us);
  CHECK(bench.bbr.bandwidth() == 0);
  CHECK(bench.bbr.window() >= 100'000);
  CHECK(bench.bbr.window() <= kMaxUdxFlight);
  CHECK_FALSE(bench.bbr.pacing_rate());
}

TEST_CASE("rounds below 100 us and rates above 1.25 GB/s are not paced, others are") {
  Bench loopback;
  loopback.round(100'000, 99us);
  CHECK_FALSE(loopback.bbr.pacing_rate());
  Bench fast;
  for (int i = 0; i < 3; ++i) fast.round(1'000'000, 200us);
  CHECK_FALSE(fast.bbr.pacing_rate());
  Bench slower;
  for (int i = 0; i < 3; ++i) slower.round(10'000, 200us);
  CHECK(slower.bbr.pacing_rate());
}

TEST_CASE("no bandwidth is believed before there is a round trip") {
  Bench bench;
  auto ambiguous = bench.ack(100'000, 10us);  // of a repeat that had just left
  ambiguous.rtt.reset();
  bench.bbr.on_ack(bench.now += 200ms, ambiguous);
  CHECK(bench.bbr.bandwidth() == 0);
  bench.round(10'000, 200ms);
  CHECK(bench.bbr.bandwidth() == 50'000);
}

TEST_CASE("rounds that needless repeats seem to end do not age the bandwidth") {
  Bench bench;
  for (int i = 0; i < 20; ++i) bench.round(100'000, 50ms);
  REQUIRE(bench.bbr.bandwidth() == 2'000'000);
  for (int i = 0; i < 20; ++i) {
    auto repeated = bench.ack(kPacket, 2ms);
    repeated.rtt.reset();
    bench.bbr.on_ack(bench.now += 2ms, repeated);
  }
  CHECK(bench.bbr.bandwidth() == 2'000'000);
}

TEST_CASE("a rate that was measured over a silence does not hold a stream back") {
  Bench bench;
  for (int i = 0; i < 30; ++i) bench.round(kPacket, 8s);
  CHECK(bench.bbr.bandwidth() < 1000);
  CHECK(*bench.bbr.pacing_rate() >= 40 * kPacket);
}

TEST_CASE("windows follow the size of a packet") {
  Bench bench;
  bench.bbr.set_packet_size(16'000);
  bench.round(1'000, 50ms);
  CHECK(bench.bbr.window() >= 4 * 16'000);
}

TEST_CASE("a fixed window is so many packets, whatever happens") {
  UdxFixedWindow fixed(64);
  fixed.set_packet_size(1000);
  fixed.on_rto({}, 0);
  fixed.on_lost({}, 1000, 0);
  fixed.on_ack({}, {});
  CHECK(fixed.window() == 64'000);
  CHECK_FALSE(fixed.pacing_rate());
}

TEST_CASE("what a stream keeps for its measures is below 1 KiB") {
  CHECK(sizeof(UdxBbr) + sizeof(UdxRtt) + sizeof(UdxDeliveryRate) + sizeof(UdxPacer) <= 1024);
}
