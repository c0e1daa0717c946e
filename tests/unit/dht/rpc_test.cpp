#include "dht/rpc.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "dht/congestion_window.hpp"

using namespace cip;
using namespace cip::dht;
using std::chrono::milliseconds;

namespace {

constexpr Endpoint kPeer{0x0a000001, 4000};

Now at_ms(int ms) { return {TimePoint{} + std::chrono::hours(1) + milliseconds(ms), {}}; }

Call call_to(Endpoint to, unsigned retries = 3) {
  Call call;
  call.to = to;
  call.retries = retries;
  return call;
}

struct Fixture {
  SeededRandom random{7};
  Rpc rpc{random};

  Tid send(int ms, Call call) {
    rpc.begin(at_ms(ms), std::move(call));
    return rpc.poll_transmission().value().request.tid;
  }
  std::size_t transmissions() {
    std::size_t out = 0;
    while (rpc.poll_transmission()) ++out;
    return out;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "an answer is matched by tid and source") {
  const auto tid = send(0, call_to(kPeer));
  CHECK(rpc.handle_reply(at_ms(1), kPeer, static_cast<Tid>(tid + 1)).match == Rpc::Match::unknown);
  const Endpoint other{kPeer.ip, 4001};
  CHECK(rpc.handle_reply(at_ms(1), other, tid).match == Rpc::Match::wrong_source);
  CHECK(rpc.in_flight() == 1);
  const auto answered = rpc.handle_reply(at_ms(30), kPeer, tid);
  CHECK(answered.match == Rpc::Match::matched);
  CHECK(answered.round_trip == milliseconds(30));
  CHECK(rpc.handle_reply(at_ms(31), kPeer, tid).match == Rpc::Match::unknown);
  CHECK_FALSE(rpc.next_timeout());
}

TEST_CASE_FIXTURE(Fixture, "tids are random and not reused while under way") {
  std::set<Tid> seen;
  bool counts_up = true;
  Tid last = 0;
  for (int i = 0; i < 80; ++i) {
    const auto tid = send(0, call_to(kPeer));
    counts_up = counts_up && tid == static_cast<Tid>(last + 1);
    last = tid;
    seen.insert(tid);
  }
  CHECK(seen.size() == 80);
  CHECK_FALSE(counts_up);
}

TEST_CASE_FIXTURE(Fixture, "without any knowledge a transmission is given a second") {
  send(0, call_to(kPeer, 1));
  CHECK(rpc.next_timeout() == at_ms(1000).mono);
  rpc.handle_timeout(at_ms(999));
  CHECK_FALSE(rpc.poll_overdue());
  rpc.handle_timeout(at_ms(1000));
  const auto late = rpc.poll_overdue();
  REQUIRE(late.has_value());
  CHECK_FALSE(late->failed);
  const auto again = rpc.poll_transmission();
  REQUIRE(again.has_value());
  CHECK(again->again);
  rpc.handle_timeout(at_ms(2000));
  const auto failed = rpc.poll_overdue();
  REQUIRE(failed.has_value());
  CHECK(failed->failed);
  CHECK(rpc.in_flight() == 0);
  CHECK_FALSE(rpc.next_timeout());
}

TEST_CASE_FIXTURE(Fixture, "retransmissions carry the same tid") {
  const auto tid = send(0, call_to(kPeer));
  rpc.handle_timeout(at_ms(1000));
  CHECK(rpc.poll_transmission()->request.tid == tid);
  CHECK(rpc.handle_reply(at_ms(1010), kPeer, tid).retransmitted);
}

TEST_CASE_FIXTURE(Fixture, "a known round trip shortens the wait to three of it, at least 100 ms") {
  auto call = call_to(kPeer);
  call.round_trip = milliseconds(60);
  send(0, call);
  CHECK(rpc.next_timeout() == at_ms(180).mono);
  rpc.handle_timeout(at_ms(180));  // the second wait is twice as long
  CHECK(rpc.next_timeout() == at_ms(180 + 360).mono);

  Rpc near{random};
  call.round_trip = milliseconds(1);
  near.begin(at_ms(0), Call(call));
  CHECK(near.next_timeout() == at_ms(100).mono);
  Rpc far{random};
  call.round_trip = milliseconds(900);
  far.begin(at_ms(0), Call(call));
  CHECK(far.next_timeout() == at_ms(1000).mono);
}

TEST_CASE_FIXTURE(Fixture, "the average of all answers serves for strangers") {
  const auto tid = send(0, call_to(kPeer));
  rpc.handle_reply(at_ms(50), kPeer, tid);
  CHECK(rpc.average_round_trip() == milliseconds(50));
  send(100, call_to({kPeer.ip, 4002}));
  CHECK(rpc.next_timeout() == at_ms(250).mono);
}

TEST_CASE_FIXTURE(Fixture,
                  "strangers are given four times what answers differ by, beyond the average") {
  rpc.handle_reply(at_ms(50), kPeer, send(0, call_to(kPeer)));
  rpc.handle_reply(at_ms(350), kPeer, send(100, call_to(kPeer)));
  CHECK(rpc.average_round_trip() == milliseconds(75));  // an eighth of the way from 50 to 250
  send(400, call_to({kPeer.ip, 4002}));
  CHECK(rpc.next_timeout() == at_ms(400 + 75 + 4 * 68).mono + std::chrono::microseconds(4 * 750));
}

TEST_CASE_FIXTURE(Fixture, "what was not answered in time leaves the window") {
  rpc.handle_reply(at_ms(1), kPeer, send(0, call_to(kPeer)));
  for (int i = 0; i < 80; ++i) send(2, call_to(kPeer, 0));
  rpc.begin(at_ms(2), call_to(kPeer));
  CHECK(rpc.queued() == 1);
  rpc.handle_timeout(at_ms(102));
  CHECK(rpc.queued() == 0);
  CHECK(transmissions() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a full window makes requests wait, and each answer lets one go") {
  std::vector<Tid> tids;
  for (int i = 0; i < 80; ++i) tids.push_back(send(0, call_to(kPeer)));
  rpc.begin(at_ms(0), call_to(kPeer));
  rpc.begin(at_ms(0), call_to(kPeer));
  CHECK(rpc.queued() == 2);
  CHECK_FALSE(rpc.poll_transmission());
  rpc.handle_reply(at_ms(5), kPeer, tids[0]);
  CHECK(rpc.queued() == 1);
  CHECK(transmissions() == 1);
}

TEST_CASE_FIXTURE(Fixture, "without answers the queue moves when a slot of 750 ms has passed") {
  for (int i = 0; i < 80; ++i) send(0, call_to(kPeer, 0));
  rpc.begin(at_ms(0), call_to(kPeer));
  const auto due = rpc.next_timeout();
  REQUIRE(due.has_value());
  CHECK(*due <= at_ms(750).mono);
  rpc.handle_timeout({*due, {}});
  CHECK(rpc.queued() == 0);
  CHECK(transmissions() == 1);
}

TEST_CASE_FIXTURE(Fixture, "forced requests pass the window") {
  for (int i = 0; i < 80; ++i) send(0, call_to(kPeer));
  auto call = call_to(kPeer);
  call.forced = true;
  rpc.begin(at_ms(0), Call(call));
  CHECK(rpc.queued() == 0);
  CHECK(transmissions() == 1);
}

TEST_CASE("the queue has a bound") {
  SeededRandom random{7};
  Rpc rpc{random, 50};
  for (int i = 0; i < 80 + 50; ++i) CHECK_NE(rpc.begin(at_ms(0), call_to(kPeer)), RequestId{});
  CHECK(rpc.begin(at_ms(0), call_to(kPeer)) == RequestId{});
}

TEST_CASE_FIXTURE(Fixture, "detached requests go on without their owner") {
  auto call = call_to(kPeer, 0);
  call.purpose = Purpose::query;
  call.owner = 5;
  send(0, call);
  rpc.detach(Purpose::query, 5);
  rpc.handle_timeout(at_ms(1000));
  CHECK(rpc.poll_overdue()->call.purpose == Purpose::detached);
}

TEST_CASE_FIXTURE(Fixture, "everything under way can be failed at once") {
  send(0, call_to(kPeer));
  send(0, call_to(kPeer));
  rpc.fail_all();
  CHECK(rpc.poll_overdue()->failed);
  CHECK(rpc.poll_overdue()->failed);
  CHECK_FALSE(rpc.poll_overdue());
  CHECK_FALSE(rpc.next_timeout());
}

TEST_CASE("answers to an earlier slot make room too") {
  CongestionWindow window(4);
  TimePoint now(std::chrono::hours(1));
  // Four under way whenever a slot ends, all of them answered in the next one.
  for (int slot = 0; slot < 8; ++slot) {
    REQUIRE_FALSE(window.is_full(now));
    const auto sent = now;
    for (int i = 0; i < 4; ++i) window.add(now);
    CHECK(window.is_full(now));
    now += CongestionWindow::kSlot;
    for (int i = 0; i < 4; ++i) window.remove(now, sent);
  }
  CHECK_FALSE(window.is_full(now));
}

TEST_CASE("an answer that comes after its slot was forgotten is not counted twice") {
  CongestionWindow window(1);
  const TimePoint sent(std::chrono::hours(1));
  window.add(sent);
  const auto later = sent + 5 * CongestionWindow::kSlot;
  window.add(later);
  window.remove(later, sent);
  CHECK(window.is_full(later));
}
