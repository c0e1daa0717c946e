// What readers ask of a feed besides blocks: byte offsets and snapshots.

#include <doctest/doctest.h>

#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;
using test::FeedRig;
using test::same;

namespace {

Result<Position> seek(FeedRig& rig, std::uint64_t offset, std::uint64_t padding = 0) {
  const auto ticket = rig.feed.seek(offset, padding);
  rig.drain();
  const auto sought = rig.expect<Sought>();
  CHECK(sought.ticket == ticket);
  return sought.position;
}

Result<Bytes> read(FeedRig& rig, std::uint64_t index, const Snapshot& snapshot) {
  rig.feed.read(index, snapshot);
  rig.drain();
  return rig.expect<BlockRead>().value;
}

}  // namespace

TEST_CASE("every byte of a feed is found where its block is") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 77));
  auto cold = rig.reopened();
  std::uint64_t offset = 0;
  for (std::uint64_t block = 0; block < 77; ++block) {
    const auto size = test::vector_block(block).size();
    for (std::uint64_t byte = 0; byte < size; ++byte) {
      REQUIRE(seek(cold, offset + byte) == Position{block, byte});
    }
    offset += size;
  }
  CHECK(offset == cold.feed.byte_length());
  CHECK(seek(cold, offset) == Position{77, 0});
  CHECK(seek(cold, offset + 1).error() == store::Errc::out_of_range);
}

TEST_CASE("padding of encrypted blocks does not count") {
  auto rig = FeedRig::writer();
  rig.append({Bytes(18), Bytes(8), Bytes(28), Bytes(9)});  // 10, 0, 20 and 1 bytes
  CHECK(seek(rig, 9, 8) == Position{0, 9});
  CHECK(seek(rig, 10, 8) == Position{2, 0});
  CHECK(seek(rig, 29, 8) == Position{2, 19});
  CHECK(seek(rig, 30, 8) == Position{3, 0});
  CHECK(seek(rig, 31, 8) == Position{4, 0});
  CHECK(seek(rig, 32, 8).error() == store::Errc::out_of_range);
  CHECK_FALSE(seek(rig, 0, 100).has_value());
}

TEST_CASE("a replica that lacks the tree there says so, and knows after the seek proof of a peer") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 64));
  auto reader = FeedRig::reader();
  REQUIRE_FALSE(reader.apply(*writer.prove(test::upgrade_request(reader.feed, 64))));
  const auto offset = reader.feed.byte_length() / 2;
  reader.feed.seek(offset);
  reader.drain();
  const auto sought = reader.expect<Sought>();
  CHECK(sought.position.error() == store::Errc::not_available);
  REQUIRE(sought.missing);
  ProofRequest request;
  request.hash =
      ProofRequest::Hash{*sought.missing, reader.feed.wanted_nodes_of_hash(*sought.missing)};
  request.seek = ProofRequest::Seek{offset, 0};
  auto proof = writer.prove(request);
  REQUIRE(proof);
  REQUIRE_FALSE(reader.apply(std::move(*proof)));
  CHECK(same(seek(reader, offset), seek(writer, offset)));
}

TEST_CASE("a snapshot keeps its length while the feed grows") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 10));
  const auto snapshot = rig.feed.snapshot();
  CHECK(snapshot.tree_hash == rig.feed.tree_hash());
  rig.append(test::vector_blocks(10, 20));
  CHECK(snapshot.length == 10);
  CHECK(read(rig, 9, snapshot) == test::vector_block(9));
  CHECK(read(rig, 10, snapshot).error() == store::Errc::out_of_range);
}

TEST_CASE("a snapshot never reads blocks of a history that replaced its own") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 20));
  const auto first = rig.feed.snapshot();
  REQUIRE(rig.feed.truncate(15, rig.key));
  rig.drain();
  rig.append({Bytes(3, 1), Bytes(3, 2), Bytes(3, 3)});
  const auto second = rig.feed.snapshot();
  REQUIRE(rig.feed.truncate(17, rig.key));
  rig.drain();
  rig.append({Bytes(3, 4), Bytes(3, 5)});
  CHECK(read(rig, 14, first) == test::vector_block(14));
  CHECK(read(rig, 15, first).error() == store::Errc::rewritten);
  CHECK(read(rig, 19, first).error() == store::Errc::rewritten);
  CHECK(read(rig, 16, second) == Bytes(3, 2));
  CHECK(read(rig, 17, second).error() == store::Errc::rewritten);
  CHECK(read(rig, 17, rig.feed.snapshot()) == Bytes(3, 4));
}
