#include <doctest/doctest.h>

#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;
using test::FeedRig;
using Kind = BadPart::Kind;

namespace {

// All steps of a check, added up.
Verified verify_all(FeedRig& rig) {
  Verified sum;
  while (!sum.done) {
    const auto ticket = rig.feed.verify(sum.next);
    rig.drain();
    const auto step = rig.expect<Verified>();
    CHECK(step.ticket == ticket);
    CHECK(step.blocks <= kMaxBlocksPerVerify);
    CHECK((step.next > sum.next || step.done));
    sum.next = step.next;
    sum.done = step.done;
    sum.blocks += step.blocks;
    sum.nodes += step.nodes;
    sum.bad.insert(sum.bad.end(), step.bad.begin(), step.bad.end());
  }
  return sum;
}

FeedRig stored_writer(std::uint64_t length) {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, length));
  return rig;
}

void fetch(FeedRig& reader, FeedRig& writer, std::uint64_t index) {
  auto proof = writer.prove(test::block_request(reader.feed, index));
  REQUIRE(proof);
  REQUIRE_FALSE(reader.apply(std::move(*proof)));
}

}  // namespace

TEST_CASE("a feed that is whole verifies, every block and node of it") {
  for (const std::uint64_t length : {0, 1, 2, 7, 64, 65, 300}) {
    CAPTURE(length);
    auto rig = stored_writer(length);
    const auto found = verify_all(rig);
    CHECK(found.blocks == length);
    CHECK(found.nodes == flat::node_count(length));
    CHECK(found.bad.empty());
  }
}

TEST_CASE("a sparse replica verifies what it holds") {
  auto writer = stored_writer(200);
  auto reader = FeedRig::reader();
  auto upgrade = writer.prove(test::upgrade_request(reader.feed, 200));
  REQUIRE_FALSE(reader.apply(std::move(*upgrade)));
  for (const std::uint64_t index : {0, 3, 64, 130, 131, 199}) fetch(reader, writer, index);
  const auto found = verify_all(reader);
  CHECK(found.blocks == 6);
  CHECK(found.bad.empty());
}

TEST_CASE("changed, lost and unreadable blocks are found by number, and nothing else is blamed") {
  auto rig = stored_writer(150);
  rig.store.block(20)[0] ^= 1;
  rig.store.lose_block(70);
  rig.store.unreadable_blocks = {71, 149};
  const auto found = verify_all(rig);
  const std::vector<BadPart> expected = {{Kind::block, 20, store::Errc::hash_mismatch},
                                         {Kind::block, 70, store::Errc::corrupt},
                                         {Kind::block, 71, store::Errc::corrupt},
                                         {Kind::block, 149, store::Errc::corrupt}};
  CHECK(found.blocks == 150);
  CHECK(found.bad == expected);
}

TEST_CASE("changed and unreadable nodes are found") {
  auto rig = stored_writer(128);
  rig.store.node(flat::index(2, 3)).hash[5] ^= 1;
  rig.store.unreadable_nodes = {flat::index(1, 40)};
  rig.store.node(flat::index(7, 0)).size += 1;  // the root
  const auto found = verify_all(rig);
  const auto has = [&](BadPart part) {
    return std::find(found.bad.begin(), found.bad.end(), part) != found.bad.end();
  };
  CHECK(has({Kind::node, flat::index(2, 3), store::Errc::hash_mismatch}));
  CHECK(has({Kind::node, flat::index(3, 1), store::Errc::hash_mismatch}));  // its parent disagrees
  CHECK(has({Kind::node, flat::index(1, 40), store::Errc::corrupt}));
  CHECK(has({Kind::node, flat::index(7, 0), store::Errc::hash_mismatch}));
  for (const auto& part : found.bad) CHECK(part.kind == Kind::node);
}

TEST_CASE("a check goes on when the feed grows and starts a step anew when it is rewritten") {
  auto rig = stored_writer(100);
  rig.is_holding = true;
  rig.feed.verify(64);
  rig.collect();
  REQUIRE(rig.held.size() == 1);
  const auto read = rig.held.front();
  rig.held.clear();
  REQUIRE(rig.feed.truncate(80, rig.key));
  rig.is_holding = false;
  rig.drain();
  rig.held.push_back(read);  // overtaken by the cut
  rig.drain();
  const auto step = rig.expect<Verified>();
  CHECK(step.done);
  CHECK(step.next == 80);
  CHECK(step.bad.empty());
}

TEST_CASE("damage that one reader meets does not fail those that read together with it") {
  auto rig = stored_writer(10);
  auto cold = rig.reopened();
  cold.store.unreadable_blocks = {4};
  for (std::uint64_t i = 0; i < 10; ++i) cold.feed.read(i);
  cold.drain();
  std::size_t good = 0;
  for (const auto& event : cold.events) {
    const auto& read = std::get<BlockRead>(event);
    if (read.index == 4) {
      CHECK(read.value.error() == store::Errc::corrupt);
    } else {
      good += read.value == test::vector_block(read.index) ? 1 : 0;
    }
  }
  CHECK(good == 9);
}

TEST_CASE("a block that is held but gone from the disk is corrupt, not unknown") {
  auto cold = stored_writer(10).reopened();
  cold.store.lose_block(4);
  CHECK(cold.read(4).error() == store::Errc::corrupt);
  CHECK(cold.read(5).has_value());
}

TEST_CASE("a damaged block is discarded, fetched again and whole") {
  auto writer = stored_writer(40);
  auto reader = FeedRig::reader();
  REQUIRE_FALSE(reader.apply(*writer.prove(test::upgrade_request(reader.feed, 40))));
  for (std::uint64_t i = 0; i < 40; ++i) fetch(reader, writer, i);
  auto cold = reader.reopened();
  cold.store.unreadable_blocks = {17};
  CHECK(cold.read(17).error() == store::Errc::corrupt);
  REQUIRE(cold.feed.discard(17, 18));
  cold.drain();
  CHECK_FALSE(cold.feed.has(17));
  CHECK(cold.feed.contiguous_length() == 17);
  fetch(cold, writer, 17);
  auto again = cold.reopened();
  CHECK(again.read(17) == test::vector_block(17));
  CHECK(verify_all(again).bad.empty());
}
