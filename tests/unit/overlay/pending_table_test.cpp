#include "overlay/pending_table.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

Now after(Duration time) { return {TimePoint{} + time, {}}; }

PendingHello hello(HelloId id, Role role = Role::responder) {
  Bytes64 handshake_hash{};
  for (std::size_t i = 0; i < 8; ++i) {
    handshake_hash[i] = static_cast<std::uint8_t>(id >> (8 * i));
  }
  return {id, make_bound_keys(role, {}, {}, handshake_hash, {})};
}

Bytes32 others_id(const PendingHello& pending) {
  return stream_id(pending.keys.hash, other(pending.keys.role));
}

}  // namespace

TEST_CASE("a pending hello is found by the stream id of the other side only") {
  for (const auto role : {Role::initiator, Role::responder}) {
    PendingTable table;
    const auto pending = hello(1, role);
    table.add(after(0s), pending);
    REQUIRE(table.find_pending(others_id(pending)) != nullptr);
    CHECK(table.find_pending(others_id(pending))->id == 1);
    CHECK(table.find_pending(stream_id(pending.keys.hash, role)) == nullptr);
  }
}

TEST_CASE("pending hellos last 10 s") {
  PendingTable table;
  table.add(after(0s), hello(1));
  table.add(after(4s), hello(2));
  CHECK(table.next_timeout() == TimePoint{} + 10s);
  table.expire(after(9999ms));
  CHECK(table.size() == 2);
  table.expire(after(10s));
  CHECK(table.size() == 1);
  CHECK(table.find_pending(others_id(hello(2))) != nullptr);
  CHECK(table.next_timeout() == TimePoint{} + 14s);
  table.expire(after(20s));
  CHECK_FALSE(table.next_timeout());
}

TEST_CASE("a pending hello that waits for a hole lasts longer, and keeps no other") {
  PendingTable table;
  table.add(after(0s), hello(1), kPendingPunchLife);
  table.add(after(1s), hello(2));
  CHECK(table.next_timeout() == TimePoint{} + 11s);
  table.expire(after(11s));
  CHECK(table.find_pending(others_id(hello(2))) == nullptr);
  CHECK(table.find_pending(others_id(hello(1))) != nullptr);
  table.expire(after(60s));
  CHECK(table.size() == 0);
}

TEST_CASE("a forgotten hello is gone") {
  PendingTable table;
  table.add(after(0s), hello(1));
  table.forget(1);
  table.forget(1);
  CHECK(table.find_pending(others_id(hello(1))) == nullptr);
  table.expire(after(60s));
  CHECK(table.size() == 0);
}

TEST_CASE("above 1024 pending hellos the oldest is dropped and counted") {
  PendingTable table;
  for (HelloId id = 1; id <= 1024; ++id) table.add(after(0s), hello(id));
  CHECK(table.evicted() == 0);
  table.add(after(1s), hello(1025));
  CHECK(table.size() == 1024);
  CHECK(table.evicted() == 1);
  CHECK(table.find_pending(others_id(hello(1))) == nullptr);
  CHECK(table.find_pending(others_id(hello(2))) != nullptr);
  CHECK(table.find_pending(others_id(hello(1025))) != nullptr);
}
