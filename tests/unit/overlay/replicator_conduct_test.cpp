// Peers that are slow, wrong, or never read: what is done about them, and under which name.

#include <doctest/doctest.h>

#include "tests/unit/overlay/replicator_fixture.hpp"

using namespace cip;
using namespace cip::overlay;
using std::chrono::milliseconds;
using test::ReplicatorWorld;
using test::Side;

namespace {

// A reader's copy of the whole feed that serves others.
Side& add_copy(ReplicatorWorld& world, Side& writer, std::string name) {
  auto& copy = world.add_reader(std::move(name));
  copy.replicator.download(world.now, {});
  copy.replicator.set_keep_open(true);
  const auto conn = world.connect(writer, copy);
  world.run();
  world.disconnect(conn);
  return copy;
}

void change_data(ReplicatorWorld& world, Side& liar, std::function<void(DataMessage&)> change) {
  world.on_send = [&liar, change](Side& from, ReplicatorWorld::Message& message) {
    if (&from != &liar || message.type != FeedMessage::data) return true;
    auto data = *decode_data(message.payload);
    change(data);
    message.payload = encode_data(data.id, data.proof);
    return true;
  };
}

void handle(Side& side, ConnId conn, FeedMessage type, const Bytes& payload) {
  REQUIRE(side.replicator.handle_message(side.world.now, side.peers[conn],
                                         static_cast<std::uint32_t>(type), payload));
  side.settle();
}

}  // namespace

TEST_CASE("the stream of a peer with a wrong block ends by name once its history was compared") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(20);
  change_data(world, writer, [](DataMessage& data) {
    if (data.id != 0 && data.proof.block) data.proof.block->value.push_back(1);
  });
  reader.replicator.download(world.now, {});
  world.connect(writer, reader);
  world.run();
  REQUIRE(reader.destroyed.size() == 1);
  CHECK((reader.destroyed[0] == "feed proof contradicts the tree" ||
         reader.destroyed[0] == "feed head is not signed by its writers"));
  CHECK_FALSE(reader.feed.is_frozen());
}

TEST_CASE("a liar that hides its history is ended after a while") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(20);
  reader.replicator.download(world.now, {.start = 0, .end = 1});
  world.connect(writer, reader);
  world.run();
  REQUIRE(reader.feed.length() == 20);
  change_data(world, writer, [](DataMessage& data) {
    if (data.proof.block) data.proof.block->value.push_back(1);
    if (data.id == 0) data.proof.fork = 7;
  });
  reader.replicator.download(world.now, {});
  reader.settle();
  world.run();
  CHECK(reader.seen<PeerRejected>().size() == 1);
  world.advance(kConflictWait);
  REQUIRE(reader.destroyed.size() == 1);
  CHECK(reader.destroyed[0] == "feed proof contradicts the tree");
}

TEST_CASE("a peer with another signed history freezes the feed, and both heads are kept") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  auto& twin = world.add_writer("twin");
  writer.grow_to(10);
  twin.grow_to(9);
  REQUIRE(twin.feed.append({Bytes(5, 9), Bytes(6, 9)}, world.key));
  twin.settle();
  reader.replicator.download(world.now, {.start = 0, .end = {}, .follow = true});
  const auto first = world.connect(writer, reader);
  world.run();
  world.disconnect(first);
  REQUIRE(reader.feed.contiguous_length() == 10);
  world.connect(twin, reader);
  world.run();
  CHECK(reader.seen<FeedFrozen>().size() == 1);
  REQUIRE(reader.feed.equivocation());
  CHECK(reader.feed.equivocation()->ours.tree_hash() == writer.feed.tree_hash());
  CHECK(reader.feed.equivocation()->theirs.tree_hash() == twin.feed.tree_hash());
  CHECK(reader.destroyed.empty());  // it is the writer who lied
}

TEST_CASE("data that nobody asked for ends its stream above a bound") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(4);
  const auto conn = world.connect(writer, reader);
  world.run();
  store::Proof proof;
  proof.block = store::BlockPart{2, test::test_block(2), {}};
  for (std::size_t i = 0; i < kMaxUnasked; ++i) {
    handle(reader, conn, FeedMessage::data, encode_data(1000 + i, proof));
  }
  CHECK(reader.destroyed.empty());
  handle(reader, conn, FeedMessage::data, encode_data(7, proof));
  REQUIRE(reader.destroyed.size() == 1);
  CHECK(reader.destroyed[0] == "feed data that nobody asked for");
  CHECK(reader.feed.blocks().count() == 0);
}

TEST_CASE("a peer that never reads is ended, one that is slow is not") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(10);
  const auto conn = world.connect(writer, reader);
  world.run();
  RequestMessage request;
  request.id = 1;
  request.wanted.block = {3, 0};
  writer.full.insert(conn);
  handle(writer, conn, FeedMessage::request, encode_request(request));
  world.advance(kNeverReads - milliseconds(1));
  CHECK(writer.destroyed.empty());
  writer.full.erase(conn);
  writer.replicator.note_room();
  writer.settle();
  writer.full.insert(conn);
  handle(writer, conn, FeedMessage::request, encode_request(request));
  world.advance(kNeverReads - milliseconds(1));
  CHECK(writer.destroyed.empty());
  world.advance(milliseconds(1));
  REQUIRE(writer.destroyed.size() == 1);
  CHECK(writer.destroyed[0] == "feed peer that never reads");
}

TEST_CASE("a flood of wants to a full stream is kept within bounds and answered once") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(200);
  REQUIRE(writer.feed.clear(0, 32));
  writer.replicator.note_cleared(world.now, 0, 32);
  const auto conn = world.connect(writer, reader);
  world.run();
  writer.full.insert(conn);
  for (int i = 0; i < 5000; ++i) {
    handle(writer, conn, FeedMessage::want, encode_want({0, kWantSegment, false}));
  }
  CHECK(world.count(writer, FeedMessage::bitfield) == 0);
  writer.full.erase(conn);
  writer.replicator.note_room();
  writer.settle();
  CHECK(world.count(writer, FeedMessage::bitfield) == 1);
}

TEST_CASE("wants of every shape are answered as what they ask") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(300);
  REQUIRE(writer.feed.clear(64, 128));
  const auto conn = world.connect(writer, reader);
  world.run();
  std::vector<store::BitfieldWords> seen;
  std::vector<RangeMessage> ranges;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    if (&from != &writer) return true;
    if (message.type == FeedMessage::bitfield) seen.push_back(*decode_bitfield(message.payload));
    if (message.type == FeedMessage::range) ranges.push_back(*decode_range(message.payload));
    return true;
  };
  const auto ask = [&](WantMessage want) {
    seen.clear();
    ranges.clear();
    handle(writer, conn, FeedMessage::want, encode_want(want));
  };
  ask({0, 32, false});  // lies in the gap-free part
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].length == 64);
  ask({64, 64, false});  // holds nothing at all
  CHECK(seen.empty());
  CHECK(ranges.empty());
  ask({128, 128, false});
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].start == 128);
  CHECK(seen[0].words == std::vector<std::uint32_t>(4, 0xffffffff));
  ask({100, 77, false});  // no segment: interest in everything, answered for what it names
  CHECK(seen.size() == 1);
  ask({70, 100, true});  // any one block
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].start == 128);
  CHECK(ranges[0].length == 1);
  ask({0, kWantSegment * 2, false});  // too long: ignored
  CHECK(seen.empty());
  CHECK(ranges.empty());
}

TEST_CASE("announcements wait for a full stream and then say what is held") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(2);
  const auto conn = world.connect(writer, reader);
  world.run();
  writer.full.insert(conn);
  const auto before = world.count(writer, FeedMessage::range);
  for (std::uint64_t length = 3; length < 500; ++length) writer.grow_to(length);
  CHECK(world.count(writer, FeedMessage::range) == before);
  writer.full.erase(conn);
  writer.replicator.note_room();
  writer.settle();
  CHECK(world.count(writer, FeedMessage::range) == before + 1);
  reader.replicator.download(world.now, {});
  reader.settle();
  world.run();
  CHECK(reader.feed.contiguous_length() == 499);
}

TEST_CASE("a slow peer does not hold up the rest: what is late there is taken over") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  writer.grow_to(400);
  auto& fast = add_copy(world, writer, "fast");
  auto& slow = add_copy(world, writer, "slow");
  auto& reader = world.add_reader("reader");
  // The slow one answers nothing while the fast one works.
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    return &from != &slow || message.type != FeedMessage::data;
  };
  reader.replicator.download(world.now, {});
  world.connect(fast, reader);
  world.connect(slow, reader);
  world.run();
  CHECK(reader.feed.blocks().count() < 400);
  world.advance(kLateAfter + milliseconds(1));
  world.run();
  CHECK(reader.feed.contiguous_length() == 400);
  const auto& counters = reader.replicator.counters();
  CHECK(counters.late >= kLeastRequests);
  CHECK(counters.late <= kFirstRequests);
  CHECK(counters.requests_sent <= 400 + counters.late + 3);  // no block twice unless it was late
  CHECK(world.count(reader, FeedMessage::cancel) == counters.late);
}

TEST_CASE("the rarest blocks are asked for first") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& common = world.add_reader("common");
  auto& reader = world.add_reader("reader");
  writer.grow_to(300);
  common.replicator.download(world.now, {.start = 0, .end = 200});
  common.replicator.set_keep_open(true);
  const auto conn = world.connect(writer, common);
  world.run();
  world.disconnect(conn);
  std::vector<std::uint64_t> asked;
  world.on_send = [&](Side& from, ReplicatorWorld::Message& message) {
    if (&from != &reader || message.type != FeedMessage::request) return true;
    const auto request = decode_request(message.payload);
    if (request->wanted.block && !request->wanted.upgrade && message.to == &writer) {
      asked.push_back(request->wanted.block->index);
    }
    return true;
  };
  reader.replicator.download(world.now, {.start = 0, .end = {}, .length_only = true});
  world.connect(common, reader);
  world.connect(writer, reader);
  world.run();
  reader.replicator.download(world.now, {.start = 0, .end = {}, .order = BlockOrder::rarest_first});
  reader.settle();
  REQUIRE(asked.size() >= kFirstRequests);
  for (std::size_t i = 0; i < kFirstRequests; ++i) CHECK(asked[i] >= 200);
  world.run();
  CHECK(reader.feed.contiguous_length() == 300);
}

TEST_CASE("requests of a download carry its priority") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(50);
  std::size_t urgent = 0;
  world.on_send = [&](Side&, ReplicatorWorld::Message& message) {
    if (message.type == FeedMessage::request) {
      urgent += decode_request(message.payload)->priority == 3 ? 1 : 0;
    }
    return true;
  };
  reader.replicator.download(world.now, {.start = 10, .end = 20, .priority = 3});
  world.connect(writer, reader);
  world.run();
  CHECK(urgent == 10);
}

TEST_CASE("only the length is fetched where no more is wanted") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  writer.grow_to(50);
  const auto id =
      reader.replicator.download(world.now, {.start = 0, .end = {}, .length_only = true});
  CHECK(reader.seen<InSync>().empty());
  world.connect(writer, reader);
  world.run();
  REQUIRE(reader.seen<InSync>().size() == 1);
  CHECK(reader.seen<InSync>()[0].download == id);
  CHECK(reader.seen<InSync>()[0].length == 50);
  CHECK(reader.feed.blocks().count() == 0);
}

TEST_CASE("a writer that lost its tail learns its length from a peer before it appends") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  writer.grow_to(40);
  auto& copy = add_copy(world, writer, "copy");
  auto& restored = world.add_writer("restored from a backup");
  restored.grow_to(25);
  restored.replicator.download(world.now, {.start = 25, .end = {}, .length_only = true});
  world.connect(copy, restored);
  world.run();
  REQUIRE(restored.seen<InSync>().size() == 1);
  CHECK(restored.feed.length() == 40);
  CHECK(restored.feed.tree_hash() == writer.feed.tree_hash());
}

TEST_CASE("a damaged block of a replica is fetched again by itself, one of the writer is not") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  reader.replicator.set_heal(true);
  writer.grow_to(30);
  reader.replicator.download(world.now, {.start = 0, .end = {}, .follow = true});
  world.connect(writer, reader);
  world.run();
  store::CommitOp op;
  op.feed = reader.feed.number();
  op.lost = {{12, 13}};
  for (auto* side : {&reader, &writer}) {
    REQUIRE(side->backend.commit(op));  // behind the back of the feed
    side->feed.read(12);
    side->settle();
  }
  CHECK(writer.feed.has(12));
  CHECK_FALSE(reader.feed.has(12));
  REQUIRE(writer.backend.commit([&] {
    store::CommitOp repaired;
    repaired.feed = writer.feed.number();
    repaired.blocks = {{12, test::test_block(12)}};
    return repaired;
  }()));
  world.run();
  CHECK(reader.feed.has(12));
  CHECK(reader.block(12) == test::test_block(12));
}

TEST_CASE(
    "extension messages are exposed where someone listens, with the name before for an empty one") {
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& reader = world.add_reader("reader");
  const auto conn = world.connect(writer, reader);
  world.run();
  CHECK(writer.replicator.send_extension(0, "chat", Bytes{1}));
  world.run();
  CHECK(reader.seen<ExtensionReceived>().empty());
  reader.replicator.set_extensions(true);
  CHECK(writer.replicator.send_extension(conn, "chat", Bytes{2}));
  world.run();
  handle(reader, conn, FeedMessage::extension, encode_extension({"", Bytes{3}}));
  const auto seen = reader.seen<ExtensionReceived>();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].name == "chat");
  CHECK(seen[0].payload == Bytes{2});
  CHECK(seen[1].name == "chat");
  CHECK(seen[1].payload == Bytes{3});
  CHECK_FALSE(writer.replicator.send_extension(0, "", Bytes{}));
  CHECK_FALSE(writer.replicator.send_extension(0, "big", Bytes(kMaxExtensionBytes + 1)));
  CHECK_FALSE(reader.replicator.handle_message(world.now, reader.peers[conn], 9,
                                               encode_extension({std::string(129, 'a'), {}})));
}
