#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "base/random.hpp"
#include "store/signatures.hpp"
#include "store/tree_growth.hpp"
#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;
using test::FeedRig;

namespace {

// A state of a feed as far as proofs can change it.
auto snapshot(const Feed& feed) {
  return std::tuple(feed.length(), feed.fork(), feed.tree_hash(), feed.blocks().count(),
                    feed.signature(), feed.has_manifest(), feed.uncommitted_bytes());
}

Proof must_prove(FeedRig& rig, const ProofRequest& request) {
  auto proof = rig.prove(request);
  REQUIRE(proof);
  return std::move(*proof);
}

std::vector<std::uint64_t> shuffled(std::uint64_t n, Random& random) {
  std::vector<std::uint64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  for (auto i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

// Changes one thing of a proof; false when the part drawn is not there.
bool tamper(Proof& proof, Random& random) {
  const auto flip = [&](auto& bytes) {
    if (bytes.empty()) return false;
    bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
    return true;
  };
  const auto spoil = [&](std::vector<TreeNode>& nodes) {
    if (nodes.empty()) return false;
    const auto at = random.below(nodes.size());
    switch (random.below(5)) {
      case 0:
        nodes[at].size += 1 + random.below(5);
        return true;
      case 1:
        nodes[at].index ^= std::uint64_t{1} << random.below(12);
        return true;
      case 2:
        nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(at));
        return true;
      case 3:
        nodes.push_back(nodes[at]);
        return true;
      default:
        return flip(nodes[at].hash);
    }
  };
  switch (random.below(8)) {
    case 0:
      return proof.block && flip(proof.block->value);
    case 1:
      if (!proof.block) return false;
      proof.block->value.push_back(0);
      return true;
    case 2:
      if (!proof.block) return false;
      proof.block->index ^= std::uint64_t{1} << random.below(10);
      return true;
    case 3:
      return proof.block && spoil(proof.block->nodes);
    case 4:
      if (!proof.upgrade) return false;
      proof.upgrade->length += 1 + random.below(3);
      return true;
    case 5:
      return proof.upgrade && spoil(proof.upgrade->nodes);
    case 6:
      return proof.upgrade && spoil(proof.upgrade->additional);
    default:
      if (!proof.upgrade) return false;
      // The last two bytes are a patch, which counts for nothing unless the manifest allows it, and
      // the number of its nodes.
      proof.upgrade->signature[random.below(66)] ^=
          static_cast<std::uint8_t>(1 + random.below(255));
      return true;
  }
}

// What became of each proof, in the order in which it was known.
using Fate = std::tuple<Ticket, std::optional<std::uint64_t>, bool, std::error_code>;
std::vector<Fate> fates(const FeedRig& rig) {
  std::vector<Fate> out;
  for (const auto& event : rig.events) {
    if (const auto* applied = std::get_if<Applied>(&event))
      out.emplace_back(applied->ticket, applied->block, applied->upgraded, std::error_code{});
    if (const auto* rejected = std::get_if<Rejected>(&event))
      out.emplace_back(rejected->ticket, std::nullopt, false, rejected->reason);
  }
  return out;
}

// Proofs for a reader that lacks what the writer appended last: right and tampered ones, with a
// block and without, and some that are right once another of them was applied.
std::vector<Proof> mixed_proofs(FeedRig& writer, const FeedRig& reader, Random& random) {
  const auto length = writer.feed.length();
  const auto old_length = reader.feed.length();
  auto ahead = reader.reopened();
  const auto upgrade = must_prove(writer, test::upgrade_request(ahead.feed, length));
  REQUIRE_FALSE(ahead.apply(upgrade));
  std::vector<Proof> proofs;
  for (int i = 0; i < 40; ++i) {
    // Far ones rest on roots in memory, near ones on nodes of the disk.
    const auto index = 1 + random.below(random.below(2) == 0 ? 16 : old_length - 1);
    proofs.push_back(must_prove(writer, test::block_request(reader.feed, index)));
    if (random.below(3) == 0) tamper(proofs.back(), random);
    if (i != 10 && i != 30) continue;
    // Too early the first time, the second time after what it leans on.
    const auto beyond = old_length + random.below(length - old_length);
    proofs.push_back(must_prove(writer, test::block_request(ahead.feed, beyond)));
    if (i == 10) proofs.push_back(upgrade);
  }
  return proofs;
}

}  // namespace

TEST_CASE("a download in order of a large feed reads nothing from the disk") {
  auto writer = FeedRig::writer();
  std::vector<Bytes> blocks(8000);
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = test::content(i, 10);
  writer.append(std::move(blocks));
  auto reader = FeedRig::reader();
  CHECK_FALSE(reader.apply(must_prove(writer, test::upgrade_request(reader.feed, 8000))));
  // Requests are made a window ahead of the replies, as a replicator makes them.
  std::deque<ProofRequest> asked;
  for (std::uint64_t i = 0; i < 8000 || !asked.empty(); ++i) {
    if (i < 8000) asked.push_back(test::block_request(reader.feed, i));
    if (asked.size() < 256 && i < 8000) continue;
    auto proof = must_prove(writer, asked.front());
    asked.pop_front();
    REQUIRE_FALSE(reader.apply(std::move(proof)));
  }
  CHECK(reader.feed.contiguous_length() == 8000);
  CHECK(reader.store.nodes_read == 0);
}

TEST_CASE("downloads in any order, while the writer grows, end with the same feed") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    auto writer = FeedRig::writer();
    auto reader = FeedRig::reader();
    reader.is_holding = true;
    std::uint64_t length = 0;
    for (int round = 0; round < 6; ++round) {
      // Batches of random sizes.
      for (auto batches = 1 + random.below(4); batches > 0; --batches) {
        const auto n = 1 + random.below(150);
        writer.append(test::vector_blocks(length, length + n));
        length += n;
      }
      auto request = test::upgrade_request(reader.feed, length);
      if (random.below(2) == 0)
        request.block = ProofRequest::Block{
            reader.feed.length() + random.below(length - reader.feed.length()), 0};
      if (random.below(2) == 0) request.upgrade->length -= random.below(request.upgrade->length);
      if (request.block && request.block->index >= request.upgrade->start + request.upgrade->length)
        request.block.reset();
      REQUIRE_FALSE(reader.apply(must_prove(writer, request)));
      CHECK(reader.feed.length() == length);

      // Blocks in random order, applied while earlier ones wait for the disk, which answers late.
      for (const auto index : shuffled(length, random)) {
        if (reader.feed.has(index) || random.below(4) == 0) continue;
        reader.feed.apply(must_prove(writer, test::block_request(reader.feed, index)));
        reader.collect();
        while (!reader.held.empty() && random.below(3) == 0) reader.run_one();
      }
      if (random.below(3) == 0) {
        while (!reader.held.empty()) reader.run_one();
        reader = reader.reopened();
        reader.is_holding = true;
      }
    }
    while (!reader.held.empty()) reader.run_one();
    reader.is_holding = false;
    for (std::uint64_t i = 0; i < length; ++i)
      if (!reader.feed.has(i))
        REQUIRE_FALSE(reader.apply(must_prove(writer, test::block_request(reader.feed, i))));
    CHECK(reader.feed.tree_hash() == writer.feed.tree_hash());
    CHECK(reader.feed.signature() == writer.feed.signature());
    CHECK(reader.feed.contiguous_length() == length);
    CHECK(reader.feed.written_length() == length);
    auto again = reader.reopened();
    for (std::uint64_t i = 0; i < length; ++i) CHECK(again.read(i) == test::vector_block(i));
    // It can seed in turn.
    auto third = FeedRig::reader();
    CHECK_FALSE(third.apply(must_prove(again, test::upgrade_request(third.feed, length))));
    for (const auto i : shuffled(length, random))
      REQUIRE_FALSE(third.apply(must_prove(again, test::block_request(third.feed, i))));
    CHECK(third.feed.contiguous_length() == length);
  }
}

TEST_CASE("tampered proofs are rejected and change nothing") {
  SeededRandom random(99);
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 90));
  auto reader = FeedRig::reader();
  CHECK_FALSE(reader.apply(must_prove(writer, test::upgrade_request(reader.feed, 60))));
  writer.append(test::vector_blocks(90, 133));
  std::size_t tried = 0;
  while (tried < 3000) {
    ProofRequest request;
    if (random.below(2) == 0) {
      request = test::upgrade_request(reader.feed, 100 + random.below(33));
      request.block = ProofRequest::Block{90 + random.below(10), 0};
    } else {
      request = test::block_request(reader.feed, random.below(90));
    }
    auto proof = must_prove(writer, request);
    const auto honest = proof;
    if (!tamper(proof, random) || proof == honest) continue;
    ++tried;
    const auto before = snapshot(reader.feed);
    const auto rejected = reader.apply(std::move(proof));
    CHECK(rejected);
    CHECK(blames_peer(rejected));
    CHECK(snapshot(reader.feed) == before);
    // Now and then an honest one, so that the tree fills up meanwhile.
    if (tried % 60 == 0 && !honest.upgrade) CHECK_FALSE(reader.apply(honest));
  }
}

TEST_CASE("a proof of another fork is named so and is nobody's fault") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 8));
  auto reader = FeedRig::reader();
  auto proof = must_prove(writer, test::upgrade_request(reader.feed, 8));
  proof.fork = 1;
  const auto rejected = reader.apply(proof);
  CHECK(rejected == store::Errc::wrong_fork);
  CHECK_FALSE(blames_peer(rejected));
}

TEST_CASE("a proof that another one overtook is stale, not wrong") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 10));
  auto reader = FeedRig::reader();
  const auto slow = must_prove(writer, test::upgrade_request(reader.feed, 10));
  auto slow_block = test::upgrade_request(reader.feed, 10);
  slow_block.block = ProofRequest::Block{9, 0};
  const auto with_block = must_prove(writer, slow_block);
  writer.append(test::vector_blocks(10, 21));
  CHECK_FALSE(reader.apply(must_prove(writer, test::upgrade_request(reader.feed, 21))));

  const auto before = snapshot(reader.feed);
  CHECK_FALSE(reader.apply(slow));  // nothing in it, and nothing wrong with it
  CHECK(snapshot(reader.feed) == before);
  CHECK(reader.apply(with_block) == store::Errc::stale_proof);
  CHECK(snapshot(reader.feed) == before);
}

TEST_CASE("the same proof twice is applied once") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 12));
  auto reader = FeedRig::reader();
  auto request = test::upgrade_request(reader.feed, 12);
  request.block = ProofRequest::Block{5, 0};
  const auto proof = must_prove(writer, request);
  CHECK_FALSE(reader.apply(proof));
  const auto before = snapshot(reader.feed);
  CHECK_FALSE(reader.apply(proof));
  CHECK(snapshot(reader.feed) == before);
  for (const auto& event : reader.events)
    if (const auto* applied = std::get_if<Applied>(&event)) {
      CHECK_FALSE(applied->block);
      CHECK_FALSE(applied->upgraded);
    }
}

TEST_CASE("a node that is not in memory is read before a proof is judged by it") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 4000));
  auto reader = FeedRig::reader();
  CHECK_FALSE(reader.apply(must_prove(writer, test::upgrade_request(reader.feed, 4000))));
  CHECK_FALSE(reader.apply(must_prove(writer, test::block_request(reader.feed, 0))));
  auto cold = reader.reopened();
  auto good = must_prove(writer, test::block_request(cold.feed, 1));
  auto bad = good;
  bad.block->value.push_back(1);
  cold.is_holding = true;
  cold.feed.apply(bad);
  const auto ticket = cold.feed.apply(good);
  cold.collect();
  CHECK(cold.events.empty());
  while (!cold.held.empty()) cold.run_one();
  CHECK(cold.store.nodes_read == 2);
  REQUIRE(cold.events.size() >= 2);
  CHECK(std::get<Rejected>(cold.events[0]).reason == store::Errc::hash_mismatch);
  CHECK(std::get<Applied>(cold.events[1]).ticket == ticket);
}

TEST_CASE("a proof that leans on one that waits for the disk waits behind it") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 4000));
  auto reader = FeedRig::reader();
  CHECK_FALSE(reader.apply(must_prove(writer, test::upgrade_request(reader.feed, 4000))));
  CHECK_FALSE(reader.apply(must_prove(writer, test::block_request(reader.feed, 0))));
  const auto first = must_prove(writer, test::block_request(reader.feed, 2));
  // What a reader asks for that counts on the nodes of the first (Replicator::levels_to_ask).
  ProofRequest short_request;
  short_request.block = BlockRequest{3, 0};
  const auto leaning = must_prove(writer, short_request);
  auto wrong = leaning;
  wrong.block->value.push_back(1);

  auto cold = reader.reopened();
  cold.is_holding = true;
  const auto ticket = cold.feed.apply({first, leaning, wrong});
  cold.collect();
  CHECK(cold.events.empty());
  CHECK_FALSE(cold.feed.is_idle());
  while (!cold.held.empty()) cold.run_one();
  CHECK(fates(cold).size() == 3);
  CHECK(cold.feed.has(2));
  CHECK(cold.feed.has(3));
  CHECK(std::get<Applied>(cold.events[1]).ticket == ticket + 1);
  CHECK(std::get<Rejected>(cold.events[2]).reason == store::Errc::hash_mismatch);

  // Nothing comes of the first: the others are judged without it.
  auto failing = reader.reopened();
  failing.store.unreadable_nodes.insert(5);  // where the climb of the first ends
  failing.is_holding = true;
  failing.feed.apply({first, leaning});
  failing.collect();
  while (!failing.held.empty()) failing.run_one();
  CHECK(fates(failing).size() == 2);
  CHECK_FALSE(failing.feed.has(3));
  CHECK(failing.feed.is_idle());
}

TEST_CASE("several proofs at once do what they do one by one") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 3000));
  auto reader = FeedRig::reader();
  CHECK_FALSE(reader.apply(must_prove(writer, test::upgrade_request(reader.feed, 3000))));
  CHECK_FALSE(reader.apply(must_prove(writer, test::block_request(reader.feed, 0))));
  writer.append(test::vector_blocks(3000, 3100));
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    auto together = reader.reopened();
    auto in_turn = reader.reopened();
    const auto proofs = mixed_proofs(writer, reader, random);
    together.is_holding = in_turn.is_holding = true;
    const auto first = together.feed.apply(proofs);
    together.collect();
    for (std::size_t i = 0; i < proofs.size(); ++i)
      CHECK(in_turn.feed.apply(proofs[i]) == first + i);
    in_turn.collect();
    CHECK(fates(together).size() < proofs.size());  // the others wait for the disk
    CHECK(fates(together) == fates(in_turn));
    while (!together.held.empty()) together.run_one();
    while (!in_turn.held.empty()) in_turn.run_one();
    together.is_holding = in_turn.is_holding = false;

    const auto all = fates(together);
    CHECK(all.size() == proofs.size());
    CHECK(all == fates(in_turn));
    const auto good =
        std::count_if(all.begin(), all.end(), [](const Fate& fate) { return !std::get<3>(fate); });
    CHECK(good > 0);
    CHECK(good < std::ssize(all));
    CHECK(snapshot(together.feed) == snapshot(in_turn.feed));
    CHECK(together.feed.length() == 3100);
    const auto again = together.reopened();
    CHECK(snapshot(again.feed) == snapshot(in_turn.reopened().feed));
    for (std::uint64_t i = 0; i < 3100; ++i) {
      REQUIRE(together.feed.has(i) == in_turn.feed.has(i));
      if (together.feed.has(i)) CHECK(together.read(i) == test::vector_block(i));
    }
  }
}

TEST_CASE("an upgrade waits its turn while own appends are not durable") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 4));
  auto twin = writer.reopened();  // the same feed in another home: what must not happen, happens
  twin.append(test::vector_blocks(4, 9));
  const auto upgrade = must_prove(twin, test::upgrade_request(writer.feed, 9));
  writer.is_holding = true;
  writer.append(test::vector_blocks(4, 5));
  CHECK(writer.apply(upgrade) == store::Errc::stale_proof);
  writer.is_holding = false;
  writer.drain();
  CHECK(writer.feed.length() == 5);
}

TEST_CASE("two signed histories freeze the feed") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 6));
  auto twin = writer.reopened();
  twin.append({test::content(1, 5)});
  writer.append({test::content(2, 5)});
  ProofRequest whole;
  whole.upgrade = ProofRequest::Upgrade{0, 6};
  const auto check = [](FeedRig& rig, const Proof& proof) {
    rig.feed.check_conflict(proof);
    rig.drain();
    return rig.expect<ConflictChecked>().conflict;
  };
  CHECK_FALSE(check(writer, must_prove(twin, whole)));  // the same up to there
  whole.upgrade->length = 7;
  auto forged = must_prove(twin, whole);
  forged.upgrade->nodes[0].hash[3] ^= 1;
  CHECK_FALSE(check(writer, forged));
  CHECK_FALSE(writer.feed.is_frozen());
  auto cold = writer.reopened();
  CHECK(check(cold, must_prove(twin, whole)));
  CHECK(cold.feed.is_frozen());
  const auto& evidence = cold.feed.equivocation();
  REQUIRE(evidence);
  CHECK(evidence->length == 7);
  CHECK(evidence->ours.tree_hash() == writer.feed.tree_hash());
  CHECK(evidence->theirs.tree_hash() == twin.feed.tree_hash());
  CHECK(evidence->our_hash != evidence->their_hash);
  const Authority signer{cold.feed.key(), &*cold.feed.manifest()};
  for (const auto& head : {evidence->ours, evidence->theirs}) {
    CHECK(verify_tree(signer, *RootList::from_nodes(head.roots), head.fork, head.signature));
  }
  const auto reopened = cold.reopened();
  CHECK(reopened.feed.is_frozen());
  CHECK(reopened.feed.equivocation() == evidence);
  CHECK(cold.feed.append(test::vector_blocks(7, 8), cold.key).error() == store::Errc::frozen);
  CHECK(cold.apply(must_prove(twin, whole)) == store::Errc::frozen);
}

TEST_CASE("wanted nodes stop at what is held and at the head") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 20));
  auto reader = FeedRig::reader();
  CHECK(reader.feed.wanted_nodes(3) == 0);
  CHECK_FALSE(reader.apply(must_prove(writer, test::upgrade_request(reader.feed, 20))));
  CHECK(reader.feed.wanted_nodes(3) == 4);   // up to root 15
  CHECK(reader.feed.wanted_nodes(18) == 2);  // up to root 35
  CHECK_FALSE(reader.apply(must_prove(writer, test::block_request(reader.feed, 3))));
  CHECK(reader.feed.wanted_nodes(2) == 0);
  CHECK(reader.feed.wanted_nodes(1) == 1);
  CHECK(reader.feed.wanted_nodes(12) == 3);  // up to 23, a sibling on the way of block 3
  CHECK(reader.feed.wanted_nodes_of_hash(23) == 0);
  CHECK(reader.feed.wanted_nodes_of_hash(27) == 1);
  CHECK(reader.feed.has_roots_of(4));
  CHECK(reader.feed.has_roots_of(20));
  CHECK_FALSE(reader.feed.has_roots_of(17));
  CHECK_FALSE(reader.feed.has_roots_of(21));
}
