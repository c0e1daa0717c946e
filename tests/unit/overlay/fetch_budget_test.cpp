#include "overlay/fetch_budget.hpp"

#include <doctest/doctest.h>

#include "tests/unit/overlay/replicator_fixture.hpp"

namespace cip::test {

using namespace overlay;

TEST_CASE("fetch budget: it counts what all feeds have, and forgets a feed that ends") {
  FetchBudget budget(100);
  CHECK(budget.has_room());
  FetchBudget::Share a(budget);
  {
    FetchBudget::Share b(budget);
    a.set(60);
    b.set(40);
    CHECK(budget.has_room());
    b.set(41);
    CHECK_FALSE(budget.has_room());
    a.set(10);
    CHECK(budget.has_room());
    a.set(60);
  }
  CHECK(budget.has_room());
}

TEST_CASE("fetch budget: while others fill the disk's queue a feed asks for one block at a time") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(100);
  std::uint64_t open = 0;
  std::uint64_t most = 0;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    if (&from == &reader && message.type == FeedMessage::request) most = std::max(most, ++open);
    if (&from == &writer && message.type == FeedMessage::data) --open;
    return true;
  };
  FetchBudget::Share others(reader.budget);
  others.set(reader.budget.limit() + 1);
  world.connect(writer, reader);
  reader.replicator.download(world.now, {});
  reader.settle();
  world.run();
  CHECK(reader.feed.contiguous_length() == 100);
  CHECK(most <= 2);  // a block, and the proof of a new length
  SUBCASE("and for many once there is room") {
    others.set(0);
    writer.grow_to(200);
    world.run();
    reader.replicator.download(world.now, {});
    reader.settle();
    world.run();
    CHECK(reader.feed.contiguous_length() == 200);
    CHECK(most > 10);
  }
}

TEST_CASE("fetch budget: what is asked for counts until nobody can send it any more") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(50);
  const auto conn = world.connect(writer, reader);
  reader.replicator.download(world.now, {});
  reader.settle();
  world.run();
  REQUIRE(reader.feed.contiguous_length() == 50);  // so that a block has a size to be charged for

  writer.grow_to(100);
  world.run();
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    return &from != &writer || message.type != FeedMessage::data;
  };
  FetchBudget::Share others(reader.budget);
  others.set(reader.budget.limit());
  CHECK(reader.budget.has_room());
  reader.replicator.download(world.now, {});
  reader.settle();
  world.run();
  CHECK_FALSE(reader.budget.has_room());
  world.disconnect(conn);
  reader.settle();
  CHECK(reader.budget.has_room());
}

}  // namespace cip::test
