// What passes without a request for blocks: pushes, and the search for byte offsets.

#include <doctest/doctest.h>

#include "tests/unit/overlay/replicator_fixture.hpp"

using namespace cip;
using namespace cip::overlay;
using test::ReplicatorWorld;
using test::Side;

namespace {

const DownloadOptions kFollow{.start = 0, .end = {}, .follow = true};

// The block and the place in it of a byte of the feed of these tests.
store::Position place_of(std::uint64_t byte) {
  std::uint64_t block = 0;
  while (byte >= test::test_block(block).size()) byte -= test::test_block(block++).size();
  return {block, byte};
}

}  // namespace

TEST_CASE("a block is pushed to a follower who takes pushes, and costs no request") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  auto& other = world.add_reader("takes no pushes");
  reader.replicator.set_accept_push(true);
  writer.grow_to(5);
  for (auto* side : {&reader, &other}) side->replicator.download(world.now, kFollow);
  world.connect(writer, reader);
  world.connect(writer, other);
  world.run();
  const auto asked = world.count(reader, FeedMessage::request);
  for (std::uint64_t length = 6; length <= 20; ++length) {
    writer.grow_to(length);
    world.run();
    REQUIRE(reader.feed.contiguous_length() == length);
    REQUIRE(other.feed.contiguous_length() == length);
  }
  CHECK(writer.replicator.counters().pushes_sent == 15);
  CHECK(reader.replicator.counters().pushes_taken == 15);
  CHECK(world.count(reader, FeedMessage::request) == asked);
  CHECK(world.count(other, FeedMessage::request) >= 15);
  CHECK(reader.feed.tree_hash() == writer.feed.tree_hash());
}

TEST_CASE("pushes that are lost are made up for by asking") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  reader.replicator.set_accept_push(true);
  reader.replicator.download(world.now, kFollow);
  world.connect(writer, reader);
  world.run();
  world.on_send = [&](Side&, ReplicatorWorld::Message& message) {
    return message.type != FeedMessage::data || decode_data(message.payload)->id != 0;
  };
  for (std::uint64_t length = 1; length <= 10; ++length) writer.grow_to(length);
  world.run();
  CHECK(reader.feed.contiguous_length() == 10);
  CHECK(reader.replicator.counters().pushes_taken == 0);
}

TEST_CASE("pushes of what nobody wants, or that do not verify, end the stream above a bound") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  reader.replicator.set_accept_push(true);
  writer.grow_to(10);
  reader.replicator.download(world.now, {.start = 0, .end = 3});
  const auto conn = world.connect(writer, reader);
  world.run();
  reader.replicator.download(world.now, kFollow);
  store::Proof proof;
  proof.block = store::BlockPart{100, Bytes(3), {}};
  for (std::size_t i = 0; i <= kMaxUnasked; ++i) {
    REQUIRE(
        reader.replicator.handle_message(world.now, reader.peers[conn], 3, encode_data(0, proof)));
    reader.settle();
  }
  REQUIRE(reader.destroyed.size() == 1);
  CHECK(reader.destroyed[0] == "feed data that nobody asked for");
}

TEST_CASE("a byte offset is found with the help of a peer, without its block") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(500);
  reader.replicator.download(world.now, {.start = 0, .end = {}, .length_only = true});
  world.connect(writer, reader);
  world.run();
  for (const std::uint64_t byte : {0ul, 1ul, 999ul, 5000ul, writer.feed.byte_length() - 1}) {
    CAPTURE(byte);
    reader.events.clear();
    const auto id = reader.replicator.seek(byte);
    reader.settle();
    world.run();
    const auto done = reader.seen<SeekDone>();
    REQUIRE(done.size() == 1);
    CHECK(done[0].seek == id);
    CHECK(done[0].position == place_of(byte));
  }
  CHECK(reader.feed.blocks().count() == 0);
  reader.replicator.seek(writer.feed.byte_length() + 1);
  reader.settle();
  CHECK(reader.seen<SeekDone>().back().position.error() == store::Errc::out_of_range);
}

TEST_CASE("a search waits for a peer that can tell and goes on elsewhere when one is lost") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(64);
  reader.replicator.download(world.now, {.start = 0, .end = {}, .length_only = true});
  const auto first = world.connect(writer, reader);
  world.run();
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    return &from != &writer || message.type != FeedMessage::data;
  };
  reader.replicator.seek(600);
  reader.settle();
  world.run();
  world.disconnect(first);
  world.on_send = nullptr;
  CHECK(reader.seen<SeekDone>().empty());
  world.connect(writer, reader);
  world.run();
  REQUIRE(reader.seen<SeekDone>().size() == 1);
  CHECK(reader.seen<SeekDone>()[0].position == place_of(600));
}
