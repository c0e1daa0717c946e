#include "overlay/transport/udx/receiver.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "base/random.hpp"
#include "overlay/transport/udx/ack_policy.hpp"

using namespace cip;
using namespace cip::overlay;
using Place = UdxReceiver::Place;

namespace {

constexpr UdxSeq kStart = 0xfffffff0;  // wraps soon

TimePoint ms(int n) { return TimePoint{} + std::chrono::milliseconds(n); }

Bytes payload_of(UdxSeq seq) { return Bytes(1 + seq % 7, static_cast<std::uint8_t>(seq)); }

}  // namespace

TEST_CASE("a receiver hands out in order whatever comes, in whatever order, over the wrap") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    UdxReceiver receiver(kStart);
    std::set<UdxSeq> model;  // by distance from kStart: what came and is not handed out
    UdxSeq next = kStart;
    for (int step = 0; step < 400; ++step) {
      const UdxSeq seq = next - 4 + static_cast<UdxSeq>(random.below(60));
      const auto place = receiver.place_of(seq);
      const bool known = udx_before(seq, next) || model.count(seq - kStart) > 0;
      REQUIRE(place == (known ? Place::known : seq == next ? Place::next : Place::early));
      if (place == Place::early) {
        receiver.keep(seq, payload_of(seq));
        model.insert(seq - kStart);
      } else if (place == Place::next) {
        receiver.advance();
        ++next;
        while (const auto payload = receiver.take_next()) {
          REQUIRE(model.erase(next - kStart) == 1);
          REQUIRE(*payload == payload_of(next));
          ++next;
        }
      }
      REQUIRE(receiver.expected() == next);
      // The blocks are exactly what is held: merged, ascending, above the gap.
      std::size_t held = 0;
      UdxSeq above = next;
      for (const auto& range : receiver.gaps_above()) {
        REQUIRE(udx_before(above, range.begin));
        REQUIRE(udx_before(range.begin, range.end));
        for (auto at = range.begin; at != range.end; ++at, ++held)
          REQUIRE(model.count(at - kStart) == 1);
        above = range.end;
      }
      REQUIRE(held == model.size());
    }
  }
}

TEST_CASE("numbers 8,192 ahead are too far, and nothing is held for them") {
  UdxReceiver receiver(5);
  CHECK(receiver.place_of(5 + 8191) == Place::early);
  CHECK(receiver.place_of(5 + 8192) == Place::too_far);
  CHECK(receiver.held_cost() == 0);
}

TEST_CASE("what is held is counted, small payloads too, and costs nothing when it is gone") {
  UdxReceiver receiver(0);
  receiver.keep(1, Bytes(100));
  receiver.keep(2, {});
  CHECK(receiver.held_cost() == 100 + 2 * kUdxHeldOverhead);
  receiver.advance();
  while (receiver.take_next()) {
  }
  CHECK(receiver.held_cost() == 0);
  CHECK(receiver.expected() == 3);
}

TEST_CASE("behind the end nothing is taken, and what was held there is dropped") {
  UdxReceiver receiver(0);
  receiver.keep(3, Bytes(10));
  receiver.end_at(1);
  receiver.keep(1, {});
  CHECK(receiver.place_of(2) == Place::known);
  receiver.end_at(7);  // the first word counts
  receiver.advance();
  CHECK_FALSE(receiver.ended());
  CHECK(receiver.take_next().has_value());
  CHECK(receiver.ended());
  CHECK(receiver.expected() == 2);
  CHECK_FALSE(receiver.take_next().has_value());
  CHECK(receiver.held_cost() == 0);
  CHECK(receiver.place_of(2) == Place::known);
}

TEST_CASE("an end at a number that is past is ignored") {
  UdxReceiver receiver(4);
  receiver.end_at(3);
  receiver.advance();
  CHECK_FALSE(receiver.ended());
}

TEST_CASE("the first 32 packets are acknowledged each at once, later ones in pairs or after 5 ms") {
  UdxAckPolicy acks;
  for (int i = 0; i < 32; ++i) {
    acks.on_packet(ms(0), 1000, false);
    CHECK(acks.due(ms(0)));
    acks.on_sent();
    CHECK_FALSE(acks.due(ms(100)));
  }
  acks.on_packet(ms(1), 1000, false);
  CHECK_FALSE(acks.due(ms(5)));
  CHECK(acks.deadline() == ms(6));
  CHECK(acks.due(ms(6)));
  acks.on_packet(ms(2), 1000, false);
  CHECK(acks.due(ms(2)));
}

TEST_CASE("whatever is out of the ordinary is acknowledged at once") {
  UdxAckPolicy acks;
  for (int i = 0; i < 32; ++i) acks.on_packet(ms(0), 1000, false);
  acks.on_sent();
  acks.on_packet(ms(0), 1000, true);
  CHECK(acks.due(ms(0)));
  acks.on_sent();
  acks.on_packet(ms(0), 999, false);  // a shorter one: the sender has no more
  CHECK(acks.due(ms(0)));
  acks.on_sent();
  acks.demand();
  CHECK(acks.due(ms(0)));
}
