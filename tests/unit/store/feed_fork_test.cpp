#include <doctest/doctest.h>

#include "base/text.hpp"
#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;
using test::FeedRig;

namespace {

Proof whole_upgrade(FeedRig& rig) {
  ProofRequest request;
  request.fork = rig.feed.fork();
  request.upgrade = ProofRequest::Upgrade{0, rig.feed.length()};
  auto proof = rig.prove(request);
  REQUIRE(proof);
  return std::move(*proof);
}

void fetch_all(FeedRig& reader, FeedRig& writer) {
  if (reader.feed.length() < writer.feed.length()) {
    auto proof = writer.prove(test::upgrade_request(reader.feed, writer.feed.length()));
    REQUIRE(proof);
    REQUIRE_FALSE(reader.apply(std::move(*proof)));
  }
  for (std::uint64_t i = 0; i < reader.feed.length(); ++i) {
    if (reader.feed.has(i)) continue;
    auto proof = writer.prove(test::block_request(reader.feed, i));
    REQUIRE(proof);
    REQUIRE_FALSE(reader.apply(std::move(*proof)));
  }
}

std::vector<Bytes> other_blocks(std::uint64_t n) {
  std::vector<Bytes> blocks;
  for (std::uint64_t i = 0; i < n; ++i) blocks.push_back(test::content(50 + i, 10));
  return blocks;
}

}  // namespace

TEST_CASE("a writer cuts its feed, signs the next fork and goes on from there") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 300));
  auto cold = rig.reopened();
  CHECK(cold.feed.truncate(301, cold.key).error() == store::Errc::out_of_range);
  REQUIRE(cold.feed.truncate(101, cold.key));
  CHECK(cold.feed.append(test::vector_blocks(0, 1), cold.key).error() == store::Errc::overloaded);
  cold.drain();
  const auto cut = cold.expect<Truncated>();
  CHECK(cut.common == 101);
  CHECK(cut.length == 101);
  CHECK(cut.fork == 1);
  CHECK(cold.feed.fork() == 1);
  CHECK(cold.feed.contiguous_length() == 101);
  CHECK(cold.read(101).error() == store::Errc::out_of_range);
  cold.append(test::vector_blocks(101, 140));

  auto straight = FeedRig::writer();
  straight.append(test::vector_blocks(0, 140));
  CHECK(cold.feed.tree_hash() == straight.feed.tree_hash());
  auto again = cold.reopened();
  CHECK(again.feed.fork() == 1);
  CHECK(again.feed.length() == 140);
  for (std::uint64_t i = 0; i < 140; ++i) CHECK(again.read(i) == test::vector_block(i));
}

TEST_CASE("a feed may be cut to nothing") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 5));
  REQUIRE(rig.feed.truncate(0, rig.key));
  rig.drain();
  auto again = rig.reopened();
  CHECK(again.feed.length() == 0);
  CHECK(again.feed.fork() == 1);
  again.append(test::vector_blocks(0, 2));
  CHECK(again.feed.length() == 2);
}

TEST_CASE("the fork proof of the peers replaces the history of a reader that allows it") {
  for (const auto& scenario : test::load_vectors("feeds/proofs.json", "scenarios")) {
    if (!scenario.contains("forkProof")) continue;
    auto writer = FeedRig::writer();
    writer.append(test::vector_blocks(0, 10));
    auto reader = FeedRig::reader();
    fetch_all(reader, writer);
    auto proof = test::proof_from(scenario["forkProof"]["data"]);
    CHECK(reader.apply(proof) == store::Errc::later_fork);
    CHECK(reader.feed.tree_hash() == writer.feed.tree_hash());
    CHECK(reader.feed.fork() == writer.feed.fork());
    auto forged = proof;
    forged.fork += 1;
    CHECK(reader.apply(forged) == store::Errc::wrong_fork);

    reader.feed.allow_forks(true);
    CHECK_FALSE(reader.apply(proof));
    CHECK(reader.feed.fork() == scenario["forkProof"]["fork"]);
    CHECK(to_hex(reader.feed.tree_hash()) == scenario["sourceTreeHash"].get<std::string>());
    CHECK(reader.expect<Truncated>().fork == reader.feed.fork());
    for (std::uint64_t i = 6; i < 10; ++i) CHECK_FALSE(reader.feed.has(i));
    CHECK(reader.reopened().feed.tree_hash() == reader.feed.tree_hash());
  }
}

TEST_CASE("a reader keeps what lies before the first root that differs") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 100));  // roots of 64, 32 and 4 blocks
  auto reader = FeedRig::reader();
  fetch_all(reader, writer);
  REQUIRE(writer.feed.truncate(97, writer.key));
  writer.drain();
  writer.append(other_blocks(10));
  reader = reader.reopened();
  reader.feed.allow_forks(true);
  auto tampered = whole_upgrade(writer);
  tampered.upgrade->nodes.back().hash[0] ^= 1;
  CHECK(blames_peer(reader.apply(tampered)));
  CHECK(reader.feed.fork() == 0);
  CHECK_FALSE(reader.apply(whole_upgrade(writer)));
  CHECK(reader.expect<Truncated>().common == 96);
  CHECK(reader.feed.contiguous_length() == 96);
  fetch_all(reader, writer);
  CHECK(reader.feed.tree_hash() == writer.feed.tree_hash());
  auto again = reader.reopened();
  for (std::uint64_t i = 0; i < 97; ++i) CHECK(again.read(i) == test::vector_block(i));
  for (std::uint64_t i = 97; i < 107; ++i) CHECK(again.read(i) == other_blocks(10)[i - 97]);
}

TEST_CASE("what was read of a history that is gone vouches for nothing") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 64));
  auto reader = FeedRig::reader();
  auto upgrade = writer.prove(test::upgrade_request(reader.feed, 64));
  REQUIRE_FALSE(reader.apply(std::move(*upgrade)));
  auto first = writer.prove(test::block_request(reader.feed, 0));
  REQUIRE_FALSE(reader.apply(std::move(*first)));
  auto old_block = writer.prove(test::block_request(reader.feed, 1));
  REQUIRE(old_block);
  REQUIRE(writer.feed.truncate(0, writer.key));
  writer.drain();
  writer.append(other_blocks(64));

  auto cold = reader.reopened();
  cold.feed.allow_forks(true);
  cold.is_holding = true;
  const auto waiting = cold.feed.apply(std::move(*old_block));  // waits for its leaf
  cold.collect();
  REQUIRE(cold.held.size() == 1);
  cold.apply(whole_upgrade(writer));  // waits for the root
  REQUIRE(cold.held.size() == 2);
  auto read_of_old = std::move(cold.held.front());
  cold.held.pop_front();
  cold.run_one();  // the reorganisation goes ahead
  CHECK(cold.feed.fork() == 1);
  cold.events.clear();
  cold.feed.handle_store_done(read_of_old.id, cold.store.run(read_of_old));
  cold.collect();
  const auto rejected = cold.expect<Rejected>();
  CHECK(rejected.ticket == waiting);
  CHECK_FALSE(blames_peer(rejected.reason));
  CHECK_FALSE(cold.feed.has(1));
}

TEST_CASE("a reader that holds nothing begins with a later fork, manifest and all") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 30));
  REQUIRE(writer.feed.truncate(20, writer.key));
  writer.drain();
  auto reader = FeedRig::reader();
  reader.feed.allow_forks(true);
  auto proof = whole_upgrade(writer);
  auto forged = proof;
  forged.manifest = single_signer_manifest(make_key_pair(test::seed_of(9)).public_key);
  CHECK(reader.apply(forged) == store::Errc::wrong_manifest);
  CHECK(reader.apply(proof) == store::Errc::invalid_signature);  // taken for a compat feed
  proof.manifest = writer.feed.manifest();
  REQUIRE_FALSE(reader.apply(proof));
  CHECK(reader.feed.has_manifest());
  CHECK(reader.feed.fork() == 1);
  fetch_all(reader, writer);
  const auto again = reader.reopened();
  CHECK(again.feed.tree_hash() == writer.feed.tree_hash());
  CHECK(again.feed.fork() == 1);
}
