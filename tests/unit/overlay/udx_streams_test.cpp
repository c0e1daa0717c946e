// Scenes of a stream's life, between two ends on a virtual clock.

#include "overlay/transport/udx/streams.hpp"

#include <doctest/doctest.h>

#include "overlay/transport/udx/bbr.hpp"
#include "simulations/udx_network.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;
using simulations::UdxNetwork;
using simulations::UdxPathModel;

namespace {

UdxPacket packet_of(const Bytes& bytes) { return *decode_udx_packet(bytes); }

}  // namespace

TEST_CASE("data that comes before connect is kept, and the owner hears who knocked") {
  UdxNetwork net(1);
  net.connect(0);
  net.transfer(0, 3000);
  net.run(100ms);
  CHECK(net.ends[1].knocks == 1);
  CHECK(net.ends[1].read == 0);
  net.connect(1);
  net.transfer(1, 5);
  net.run_until_closed(10s);
  REQUIRE(net.both_closed());
  CHECK(net.ends[1].read == 3000);
  CHECK(net.ends[1].correct);
}

TEST_CASE("a stream that is not connected in time closes, and nothing was sent for it") {
  UdxNetwork net(1);
  net.run(kUdxCallTimeout - 1ms);
  CHECK_FALSE(net.ends[0].closed);
  net.run(2ms);
  CHECK(net.ends[0].closed == std::make_error_code(std::errc::timed_out));
  CHECK(net.ends[0].streams.counters().streams_timed_out == 1);
  CHECK(net.packets_sent == 0);
}

TEST_CASE("messages pass unordered, empty ones too, and use no number") {
  UdxNetwork net(1);
  net.connect();
  auto& a = net.ends[0];
  a.streams.send_message(net.now(), a.id, Bytes{1, 2, 3});
  a.streams.send_message(net.now(), a.id, {});
  a.streams.send_message(net.now(), a.id, Bytes(kUdxMaxMessage + 1));
  net.run(50ms);
  CHECK(net.ends[1].messages == std::vector<Bytes>{{1, 2, 3}, {}});
  CHECK(a.streams.counters().dropped_messages == 1);
}

TEST_CASE("of more than 64 messages that wait the oldest go") {
  UdxNetwork net(1);
  net.connect();
  auto& a = net.ends[0];
  for (std::uint8_t i = 0; i < 70; ++i) a.streams.send_message(net.now(), a.id, Bytes{i});
  net.run(50ms);
  REQUIRE(net.ends[1].messages.size() == 64);
  CHECK(net.ends[1].messages.front() == Bytes{6});
}

TEST_CASE("destroy reaches the other side as a reset; a lost one as a timeout") {
  UdxNetwork net(1);
  net.connect();
  net.ends[0].streams.destroy(net.now(), net.ends[0].id);
  net.run(50ms);
  CHECK(net.ends[1].closed == std::make_error_code(std::errc::connection_reset));
  CHECK_FALSE(net.ends[0].closed);  // the owner knows

  UdxNetwork lost(2);
  lost.connect();
  lost.paths[0].dead = true;
  lost.ends[0].streams.destroy(lost.now(), lost.ends[0].id);
  lost.transfer(1, 100);
  lost.run(11s);
  CHECK_FALSE(lost.ends[1].closed);
  lost.run(4s);
  CHECK(lost.ends[1].closed == std::make_error_code(std::errc::timed_out));
}

TEST_CASE("a first packet that is lost is repeated after 200 ms") {
  UdxNetwork net(1);
  net.connect();
  int packets = 0;
  net.tap = [&](int side, Bytes&) { return side != 0 || ++packets > 1; };
  net.transfer(0, 100);
  net.run(230ms);
  CHECK(net.ends[1].read == 100);
}

TEST_CASE("a peer whose last acknowledgement was lost gets it again from a stream that is gone") {
  UdxNetwork net(1);
  net.connect();
  // Side 1 ends first; side 0 acknowledges that end with its last packet, which is lost once.
  net.transfer(0, 10);
  net.run(100ms);
  bool lost = false;
  net.tap = [&](int side, Bytes& packet) {
    const bool last_ack = side == 0 && packet_of(packet).header.type == 0 && !lost;
    lost = lost || last_ack;
    return !last_ack;
  };
  net.transfer(1, 10);
  net.run_until_closed(20s);
  REQUIRE(net.both_closed());
  CHECK(lost);
  CHECK(net.ends[0].closed == std::error_code());
  CHECK(net.ends[1].closed == std::error_code());
  CHECK(net.ends[0].streams.counters().late_answered == 1);
}

TEST_CASE("a held stream closes its window, says so honestly, and opens it unasked") {
  UdxNetwork net(1);
  net.connect();
  auto& b = net.ends[1];
  b.streams.hold(net.now(), b.id, true);
  net.transfer(0, 4'000'000);
  net.run(20s);
  CHECK(b.read == 0);
  // All that was let through is 1 MiB and at most a packet: the rest waits at the sender.
  const auto arrived = net.ends[1].streams.status(b.id)->bytes_in;
  CHECK(arrived > 900'000);
  CHECK(arrived <= (1 << 20) + 1500);
  CHECK(b.streams.counters().dropped_window == 0);
  b.streams.hold(net.now(), b.id, false);
  net.transfer(1, 1);
  const auto took = net.run_until_closed(20s);
  CHECK(took < 5s);
  REQUIRE(net.both_closed());
  CHECK(b.read == 4'000'000);
  CHECK(b.correct);
}

TEST_CASE("a window that opened while its news was lost is asked for by heartbeats") {
  UdxNetwork net(1);
  net.connect();
  auto& b = net.ends[1];
  b.streams.hold(net.now(), b.id, true);
  net.transfer(0, 3'000'000);
  net.run(20s);
  net.paths[1].dead = true;
  b.streams.hold(net.now(), b.id, false);
  net.run(1s);
  net.paths[1].dead = false;
  net.transfer(1, 1);
  net.run_until_closed(20s);
  REQUIRE(net.both_closed());
  CHECK(b.read == 3'000'000);
}

TEST_CASE("a producer hears when a full queue has room") {
  UdxNetwork net(1);
  net.connect();
  auto& a = net.ends[0];
  a.streams.write(net.now(), a.id, Bytes(kUdxMaxQueue + 100'000));
  CHECK(a.writable == 0);
  net.run(5s);
  CHECK(a.writable == 1);
  CHECK(a.streams.queued(a.id) == 0);
}

TEST_CASE("a path of 1,500 is found, and one that shrinks under a flight is survived") {
  UdxNetwork net(1, {.mtu = 1500});
  net.connect();
  net.transfer(0, 30'000'000);
  net.run(2s);
  CHECK(net.ends[0].streams.status(net.ends[0].id)->mtu == 1500);
  net.paths[0].mtu = 1280;
  net.transfer(1, 1);
  net.run_until_closed(120s);
  REQUIRE(net.both_closed());
  CHECK(net.ends[0].closed == std::error_code());
  CHECK(net.ends[1].read == 30'000'000);
  CHECK(net.ends[1].correct);
}

TEST_CASE("a stream moves to another path and id, and what was in flight arrives by either") {
  UdxNetwork net(1);
  net.connect();
  net.transfer(0, 3'000'000);
  net.run(50ms);
  auto& a = net.ends[0];
  auto path = a.streams.status(a.id)->path;
  path.socket = 1;
  path.to.port = 4242;
  a.streams.change_remote(net.now(), a.id, path);
  bool went_there = false;
  CHECK(a.streams.status(a.id)->path == path);
  net.run(2ms);
  went_there = a.streams.status(a.id)->path.to.port == 4242;
  net.transfer(1, 1);
  net.run_until_closed(30s);
  REQUIRE(net.both_closed());
  CHECK(went_there);
  CHECK(net.ends[1].read == 3'000'000);
  CHECK(net.ends[1].correct);
}

TEST_CASE("until something is heard after a change of the remote, repeats go both ways") {
  SeededRandom random(1);
  UdxStreams streams(random);
  const Now start{TimePoint{} + 1s, {}};
  const auto id = *streams.create(start, 0);
  streams.connect(start, id, {0, {0x0a000001, 1}, 7});
  streams.write(start, id, Bytes(10, 'x'));
  REQUIRE(streams.poll_datagram(start));
  streams.change_remote(start, id, {1, {0x0a000002, 2}, 8});
  const Now later{start.mono + 200ms, {}};
  streams.handle_timeout(later);
  const auto repeat = streams.poll_datagram(later);
  REQUIRE(repeat);
  CHECK(repeat->to == Endpoint{0x0a000002, 2});
  CHECK(packet_of(repeat->bytes).header.stream == 8);
  const auto copy = streams.poll_datagram(later);
  REQUIRE(copy);
  CHECK(copy->to == Endpoint{0x0a000001, 1});
  CHECK(copy->socket == 0);
  CHECK(packet_of(copy->bytes).header.stream == 7);
  CHECK_FALSE(streams.poll_datagram(later));
}

TEST_CASE("what nobody connects is closed: the stream of a hello soon, that of an own call later") {
  SeededRandom random(1);
  UdxStreams streams(random);
  const TimePoint start = TimePoint{} + 1s;
  const auto answered = *streams.create({start, {}}, 0x0a000001);
  const auto called = *streams.create({start, {}}, 0, kUdxCallTimeout);
  const auto closed_at = [&](Duration time) {
    streams.handle_timeout({start + time, {}});
    std::vector<UdxId> out;
    while (const auto event = streams.poll_event()) {
      const auto* gone = std::get_if<UdxClosed>(&*event);
      REQUIRE(gone != nullptr);
      CHECK(gone->error == std::errc::timed_out);
      out.push_back(gone->id);
    }
    return out;
  };
  CHECK(closed_at(kUdxConnectTimeout - 1ms).empty());
  CHECK(closed_at(kUdxConnectTimeout) == std::vector{answered});
  CHECK(closed_at(kUdxCallTimeout - 1ms).empty());
  CHECK(closed_at(kUdxCallTimeout) == std::vector{called});
  CHECK_FALSE(streams.next_timeout());
}

TEST_CASE("streams take turns, and acknowledgements go before data") {
  SeededRandom random(1);
  UdxStreams streams(random);
  const Now now{TimePoint{} + 1s, {}};
  std::vector<UdxId> ids;
  for (std::uint32_t i = 0; i < 3; ++i) {
    ids.push_back(*streams.create(now, 0));
    streams.connect(now, ids[i], {0, {0x0a000001, 1}, i + 1});
    streams.write(now, ids[i], Bytes(100'000));
  }
  Bytes data;
  append_udx_header(data, {.type = kUdxData, .stream = ids[2], .window = 1 << 20, .seq = 1});
  data.push_back('x');  // out of order: a SACK is due, which no data carries
  streams.handle_datagram(now, 0, {0x0a000001, 1}, data);
  streams.settle(now);
  std::vector<std::uint32_t> to;
  while (const auto datagram = streams.poll_datagram(now))
    to.push_back(packet_of(datagram->bytes).header.stream);
  REQUIRE(to.size() >= 4);
  CHECK(std::vector(to.begin(), to.begin() + 4) == std::vector<std::uint32_t>{3, 1, 2, 3});
}

TEST_CASE("a stream at rest takes less than 2 KiB, and has no timer") {
  CHECK(sizeof(UdxStream) + sizeof(UdxBbr) < 2048);
  UdxNetwork net(1);
  net.connect();
  net.run(1ms);
  CHECK_FALSE(net.ends[0].streams.next_timeout());
}
