// Who is let in: how many streams there are, whose packets are taken, which ids are remembered.

#include <doctest/doctest.h>

#include "overlay/transport/udx/admission.hpp"
#include "overlay/transport/udx/closed_streams.hpp"
#include "overlay/transport/udx/sources.hpp"

using namespace cip;
using namespace cip::overlay;

namespace {

constexpr Endpoint kPeer{0x0a000001, 1000};
constexpr Endpoint kOther{0x0a000002, 2000};
constexpr Endpoint kThird{0x0a000003, 3000};

TimePoint at(int s) { return TimePoint{} + std::chrono::seconds(s); }

}  // namespace

TEST_CASE("streams that are not connected are bounded in all and for each source") {
  UdxAdmission admission({.streams = 10, .unconnected = 5, .unconnected_per_source = 2});
  CHECK(admission.admit(7 << 24));
  CHECK(admission.admit(7 << 24));
  CHECK_FALSE(admission.admit(7 << 24));
  CHECK(admission.admit(8 << 24));
  CHECK(admission.admit(0));
  CHECK(admission.admit(0));
  CHECK_FALSE(admission.admit(0));  // five wait
  admission.stop_waiting(7 << 24);
  CHECK(admission.admit(7 << 24));
  CHECK_FALSE(admission.admit(9 << 24));
}

TEST_CASE("streams are bounded in all, and the bound is free again when they leave") {
  UdxAdmission admission({.streams = 2, .unconnected = 2});
  for (int i = 0; i < 2; ++i) {
    REQUIRE(admission.admit(0));
    admission.stop_waiting(0);
  }
  CHECK_FALSE(admission.admit(0));
  admission.leave();
  CHECK(admission.admit(0));
}

TEST_CASE("loopback has a bound of its own") {
  UdxAdmission admission({.unconnected_per_source = 1, .unconnected_loopback = 2});
  CHECK(admission.admit(0x7f000001));
  CHECK(admission.admit(0x7f000001));
  CHECK_FALSE(admission.admit(0x7f000001));
}

TEST_CASE("any source is taken until the peer is trusted, then those that were part of the lane") {
  UdxSources sources;
  CHECK(sources.accepts(at(0), kOther));
  sources.connect(kPeer);
  sources.learn(kOther);
  CHECK(sources.accepts(at(0), kThird));
  sources.trust();
  CHECK(sources.accepts(at(0), kPeer));
  CHECK(sources.accepts(at(0), kOther));
  CHECK_FALSE(sources.accepts(at(0), kThird));
  sources.learn(kThird);
  CHECK_FALSE(sources.accepts(at(0), kThird));
}

TEST_CASE("no more than four sources are learned") {
  UdxSources sources;
  sources.connect(kPeer);
  for (std::uint16_t port = 1; port <= 5; ++port) sources.learn({kOther.ip, port});
  sources.trust();
  CHECK(sources.accepts(at(0), {kOther.ip, 4}));
  CHECK_FALSE(sources.accepts(at(0), {kOther.ip, 5}));
}

TEST_CASE("the old address is taken until 10 s after a change is complete") {
  UdxSources sources;
  sources.connect(kPeer);
  sources.trust();
  sources.change(kOther);
  CHECK(sources.accepts(at(100), kPeer));
  CHECK(sources.accepts(at(100), kOther));
  sources.complete_change(at(100));
  CHECK(sources.accepts(at(109), kPeer));
  CHECK_FALSE(sources.accepts(at(110), kPeer));
}

TEST_CASE("a closed stream is remembered for 30 s, with its last acknowledgement") {
  UdxClosedStreams closed;
  closed.add(at(0), 7, UdxFinalAck{{0, kPeer, 9}, {.stream = 9, .seq = 3, .ack = 4}});
  closed.add(at(0), 8, std::nullopt);
  REQUIRE(closed.answer(at(29), 7));
  CHECK(closed.answer(at(29), 7)->header.ack == 4);
  CHECK(closed.knows(at(29), 8));
  CHECK_FALSE(closed.answer(at(29), 8));
  CHECK_FALSE(closed.knows(at(30), 7));
}

TEST_CASE("no more than 1,024 closed streams are remembered") {
  UdxClosedStreams closed;
  for (UdxId id = 1; id <= 1025; ++id) closed.add(at(0), id, std::nullopt);
  CHECK_FALSE(closed.knows(at(0), 1));
  CHECK(closed.knows(at(0), 2));
  CHECK(closed.knows(at(0), 1025));
}
