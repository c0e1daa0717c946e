// What a peer, or somebody who learned an id, can send: memory stays bounded, everything is
// counted, and the stream of an honest peer goes on.

#include <doctest/doctest.h>

#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/streams.hpp"
#include "simulations/udx_network.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;
using simulations::UdxNetwork;

namespace {

constexpr Endpoint kPeer{0x0a000001, 1};
constexpr Endpoint kStranger{0x0b000001, 9};

// One connected stream, and a peer who says what it likes.
struct Victim {
  explicit Victim(const UdxLimits& limits = {}) : streams(random, limits) {
    id = *streams.create(now, 0);
    streams.connect(now, id, {0, kPeer, 7});
  }

  void receive(UdxHeader header, ByteView rest = {}, Endpoint from = kPeer) {
    header.stream = header.stream == 0 ? id : header.stream;
    Bytes packet;
    append_udx_header(packet, header);
    append(packet, rest);
    streams.handle_datagram(now, 0, from, packet);
    while (const auto event = streams.poll_event()) {
      if (const auto* data = std::get_if<UdxData>(&*event)) read += data->bytes.size();
      if (const auto* end = std::get_if<UdxClosed>(&*event)) closed = end->error;
    }
    streams.settle(now);
  }
  // Packets that leave now.
  std::vector<Bytes> sent() {
    std::vector<Bytes> out;
    while (auto datagram = streams.poll_datagram(now)) out.push_back(std::move(datagram->bytes));
    return out;
  }
  UdxCounters counters() const { return streams.counters(); }

  SeededRandom random{1};
  Now now{TimePoint{} + 1s, {}};
  UdxStreams streams;
  UdxId id = 0;
  std::size_t read = 0;
  std::optional<std::error_code> closed;
};

UdxHeader data_of(UdxSeq seq) { return {.type = kUdxData, .window = 1 << 20, .seq = seq}; }

}  // namespace

TEST_CASE("20,000 forged packets far ahead cost no more than the window and are counted") {
  Victim victim;
  for (UdxSeq seq = 1; seq <= 20'000; ++seq) victim.receive(data_of(seq), Bytes(1152));
  const auto counters = victim.counters();
  CHECK(counters.dropped_ahead == 20'000 - 8191);
  // What is held fits 1 MiB, and one packet.
  const auto held = 8191 - counters.dropped_window;
  CHECK(held * 1152 <= (1 << 20) + 1152);
  CHECK(held > 800);
  CHECK(victim.read == 0);
  victim.sent();
}

TEST_CASE("small packets ahead are charged for what they cost, not for their bytes") {
  Victim victim({.receive_total = 100'000});
  for (UdxSeq seq = 1; seq < 8000; ++seq) victim.receive(data_of(seq), Bytes(1));
  CHECK(victim.counters().dropped_total > 6000);
}

TEST_CASE("a reader that stopped is sent 16 KiB over its window at most, and only in order") {
  Victim victim;
  victim.streams.hold(victim.now, victim.id, true);
  const auto fill = [&](UdxSeq from, UdxSeq to) {
    for (auto seq = from; seq < to; ++seq) victim.receive(data_of(seq), Bytes(1024));
    return victim.counters().dropped_window;
  };
  CHECK(fill(0, 1024) == 0);
  CHECK(fill(1025, 1030) == 5);  // the window is full
  // What a tail loss probe of stock brings: dropped, it would end the stream after 13 s.
  CHECK(fill(1024, 1040) == 5);
  CHECK(fill(1040, 1100) == 65);
  victim.streams.hold(victim.now, victim.id, false);
  while (const auto event = victim.streams.poll_event()) {
    if (const auto* data = std::get_if<UdxData>(&*event)) victim.read += data->bytes.size();
  }
  CHECK(victim.read == 1040 * 1024);
}

TEST_CASE("all streams together hold no more than their bound") {
  UdxLimits limits{.receive_total = 300'000};
  Victim victim(limits);
  std::vector<UdxId> ids{victim.id};
  for (int i = 0; i < 9; ++i) {
    ids.push_back(*victim.streams.create(victim.now, 0));
    victim.streams.connect(victim.now, ids.back(), {0, kPeer, 7});
  }
  for (const auto id : ids) {
    for (UdxSeq seq = 1; seq < 100; ++seq) {
      auto header = data_of(seq);
      header.stream = id;
      victim.receive(header, Bytes(1152));
    }
  }
  CHECK(victim.counters().dropped_total > 700);
  // What is in order needs no room: the stream goes on.
  victim.receive(data_of(0), Bytes(1152));
  CHECK(victim.read >= 1152);
}

TEST_CASE("a stream that is not connected keeps little of what knocks, and answers nothing") {
  SeededRandom random(1);
  UdxStreams streams(random);
  const Now now{TimePoint{} + 1s, {}};
  const auto id = *streams.create(now, kPeer.ip);
  std::size_t knocks = 0;
  for (UdxSeq seq = 0; seq < 1000; ++seq) {
    Bytes packet;
    append_udx_header(packet, {.type = kUdxData, .stream = id, .seq = seq});
    packet.resize(1172);
    streams.handle_datagram(now, 0, {kPeer.ip, static_cast<std::uint16_t>(seq)}, packet);
    while (const auto event = streams.poll_event())
      knocks += std::holds_alternative<UdxKnocked>(*event) ? 1 : 0;
    streams.settle(now);
  }
  CHECK(knocks == kUdxKnocks);
  CHECK(streams.counters().dropped_window > 900);
  CHECK_FALSE(streams.poll_datagram(now));
}

TEST_CASE("an acknowledgement of what was never sent is ignored, whatever else it says") {
  Victim victim;
  victim.streams.write(victim.now, victim.id, Bytes(10));
  CHECK(victim.sent().size() == 1);
  victim.receive({.window = 0, .ack = 5});
  CHECK(victim.counters().ignored_acks == 1);
  // The window of such a packet does not count either.
  victim.streams.write(victim.now, victim.id, Bytes(10));
  CHECK(victim.sent().size() == 1);
  // Data in it is taken, but draws no answer.
  auto header = data_of(0);
  header.ack = 50;
  victim.receive(header, Bytes(5));
  CHECK(victim.read == 5);
  CHECK(victim.sent().empty());
}

TEST_CASE("SACK blocks that cannot be are skipped alone") {
  Victim victim;
  victim.streams.write(victim.now, victim.id, Bytes(5000));
  CHECK_FALSE(victim.sent().empty());
  Bytes area;
  append_udx_sack(area, {3, 3});
  append_udx_sack(area, {2, 1});
  append_udx_sack(area, {1, 100});
  append_udx_sack(area, {0xffffffff, 1});  // of an older acknowledgement: not wrong, of no use
  append_udx_sack(area, {1, 2});
  victim.receive({.type = kUdxSack, .window = 1 << 20}, area);
  CHECK(victim.counters().ignored_sacks == 3);
  CHECK(victim.streams.status(victim.id)->bytes_out == kUdxBasePayload);
}

TEST_CASE("a DESTROY closes only with a number that could be in flight") {
  Victim victim;
  victim.receive(data_of(0), Bytes(5));
  victim.receive({.type = kUdxDestroy, .seq = 0});
  victim.receive({.type = kUdxDestroy, .seq = 1 + 8192});
  CHECK(victim.counters().ignored_destroys == 2);
  CHECK_FALSE(victim.closed);
  victim.receive({.type = kUdxDestroy, .seq = 1 + 8191});
  CHECK(victim.closed == std::make_error_code(std::errc::connection_reset));
  CHECK(victim.counters().streams_reset == 1);
}

TEST_CASE("a trusted stream takes nothing from strangers and never answers them") {
  Victim victim;
  victim.receive(data_of(0), Bytes(5));
  victim.sent();
  victim.streams.trust(victim.id);
  victim.receive({.type = kUdxDestroy, .seq = 1}, {}, kStranger);
  victim.receive(data_of(1), Bytes(5), kStranger);
  victim.receive({.type = kUdxHeartbeat}, {}, kStranger);
  CHECK(victim.counters().dropped_source == 3);
  CHECK(victim.read == 5);
  CHECK_FALSE(victim.closed);
  CHECK(victim.sent().empty());
}

TEST_CASE("a flood of heartbeats in one turn draws one acknowledgement") {
  Victim victim;
  for (int i = 0; i < 1000; ++i) {
    Bytes packet;
    append_udx_header(packet, {.type = kUdxHeartbeat, .stream = victim.id});
    victim.streams.handle_datagram(victim.now, 0, kPeer, packet);
  }
  victim.streams.settle(victim.now);
  CHECK(victim.sent().size() == 1);
}

TEST_CASE("packets of no stream are not ours and draw nothing") {
  Victim victim;
  Bytes packet;
  append_udx_header(packet, {.type = kUdxData, .stream = victim.id + 1});
  CHECK_FALSE(victim.streams.handle_datagram(victim.now, 0, kPeer, packet));
  CHECK_FALSE(
      victim.streams.handle_datagram(victim.now, 0, kPeer, MutableByteView(packet).first(10)));
  victim.streams.settle(victim.now);
  CHECK(victim.sent().empty());
  CHECK(victim.counters().packets_in == 0);
}

TEST_CASE("an offset behind the end is dropped and counted") {
  Victim victim;
  auto header = data_of(0);
  header.offset = 9;
  victim.receive(header, Bytes(1));
  CHECK(victim.counters().dropped_malformed == 1);
  CHECK(victim.sent().empty());
}

TEST_CASE("a peer whose window stays closed is asked by heartbeats, and nothing else is sent") {
  Victim victim;
  victim.streams.write(victim.now, victim.id, Bytes(10));
  victim.sent();
  victim.receive({.window = 0, .ack = 1});
  victim.streams.write(victim.now, victim.id, Bytes(10));
  std::size_t heartbeats = 0;
  for (int i = 0; i < 600; ++i) {
    victim.now.mono += 100ms;
    victim.streams.handle_timeout(victim.now);
    for (const auto& packet : victim.sent()) {
      CHECK(decode_udx_packet(packet)->header.type == kUdxHeartbeat);
      ++heartbeats;
    }
  }
  CHECK(heartbeats > 10);
  CHECK(heartbeats < 150);
}

TEST_CASE("junk from a stranger between the packets of two honest ends changes nothing") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    UdxNetwork net(seed, {.loss = 0.02});
    SeededRandom random(seed);
    net.connect();
    for (auto& end : net.ends) end.streams.trust(end.id);
    net.transfer(0, 100'000);
    net.transfer(1, 100'000);
    for (int i = 0; i < 400 && !net.both_closed(); ++i) {
      net.run(5ms);
      for (auto& end : net.ends) {
        Bytes junk(20 + random.below(60));
        random.fill(junk);
        UdxHeader header{.type = junk[0],
                         .offset = static_cast<std::uint8_t>(random.below(30)),
                         .stream = end.id};
        header.seq = static_cast<UdxSeq>(random.below(100));
        header.ack = static_cast<UdxSeq>(random.below(100));
        Bytes packet;
        append_udx_header(packet, header);
        append(packet, junk);
        end.streams.handle_datagram(net.now(), 0, kStranger, packet);
      }
    }
    net.run_until_closed(60s);
    for (const auto& end : net.ends) {
      REQUIRE(end.correct);
      REQUIRE(end.read == 100'000);
      REQUIRE(end.closed == std::error_code());
    }
  }
}
