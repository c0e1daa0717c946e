// Replication under a network and peers that misbehave at random: messages are lost, doubled, cut
// and changed, connections break, peers are rejected. Nothing wrong may ever be stored, and as soon
// as one honest connection holds, the download must complete.

#include <doctest/doctest.h>

#include "tests/unit/overlay/replicator_fixture.hpp"

using namespace cip;
using namespace cip::overlay;
using test::ReplicatorWorld;
using test::Side;

namespace {

constexpr std::uint64_t kBlocks = 120;

// How often things go wrong in one run; drawn from its seed, so that runs differ in kind.
struct Odds {
  explicit Odds(Random& random)
      : lose(random.below(20)), change(random.below(40)), cut(random.below(10)) {}
  std::uint64_t lose;    // of 1,000 messages
  std::uint64_t change;  // of 1,000
  std::uint64_t cut;     // of 1,000: connection breaks
};

void spoil(Bytes& payload, Random& random) {
  if (payload.empty()) return;
  switch (random.below(3)) {
    case 0:
      payload[random.below(payload.size())] ^= static_cast<std::uint8_t>(random.below(255) + 1);
      break;
    case 1:
      payload.resize(random.below(payload.size()));
      break;
    default:
      payload.push_back(static_cast<std::uint8_t>(random.next_u64()));
      break;
  }
}

void run_seed(std::uint64_t seed) {
  CAPTURE(seed);
  SeededRandom random(seed);
  const Odds odds(random);
  ReplicatorWorld world;
  auto& writer = world.add_writer();
  auto& second = world.add_reader("second");
  auto& reader = world.add_reader("reader");
  writer.grow_to(kBlocks);
  const DownloadOptions follow{.start = 0, .end = {}, .follow = true};
  second.replicator.download(world.now, follow);
  reader.replicator.download(world.now, follow);
  world.on_send = [&](Side&, ReplicatorWorld::Message& message) {
    if (random.below(1000) < odds.lose) return false;
    if (random.below(1000) < odds.change) spoil(message.payload, random);
    return true;
  };
  std::vector<ConnId> conns;
  for (int turn = 0; turn < 60; ++turn) {
    if (turn % 20 == 0) {
      conns = {world.connect(writer, second), world.connect(writer, reader),
               world.connect(second, reader)};
    }
    world.run(random.below(100));
    if (random.below(1000) < odds.cut * 10) world.disconnect(conns[random.below(conns.size())]);
    if (random.below(4) == 0) world.advance(std::chrono::milliseconds(random.below(20000)));
    if (turn % 20 == 19) {
      for (const auto conn : conns) world.disconnect(conn);
    }
  }
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    if (reader.feed.has(i)) REQUIRE(reader.block(i) == test::test_block(i));
  }
  // The world heals: progress must follow.
  world.on_send = nullptr;
  writer.grow_to(kBlocks + 10);
  world.connect(writer, reader);
  world.run();
  world.advance(kStallTimeout);
  world.run();
  REQUIRE(reader.feed.contiguous_length() == kBlocks + 10);
  CHECK(reader.feed.tree_hash() == writer.feed.tree_hash());
  CHECK_FALSE(reader.feed.is_frozen());
}

}  // namespace

TEST_CASE("whatever went wrong before, one honest connection completes the download") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) run_seed(seed);
}
