#include "store/feed.hpp"

#include <doctest/doctest.h>

#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;
using test::FeedRig;

namespace {

bool has_event_for(const std::vector<FeedEvent>& events, Ticket ticket) {
  const auto answers = [ticket](const auto& event) {
    if constexpr (requires { event.ticket; }) return event.ticket == ticket;
    return false;
  };
  for (const auto& event : events)
    if (std::visit(answers, event)) return true;
  return false;
}

std::size_t count_failures(const std::vector<FeedEvent>& events) {
  std::size_t count = 0;
  for (const auto& event : events) count += std::holds_alternative<store::StoreFailed>(event);
  return count;
}

// Brings the reader to the writer's length and fetches blocks start..end-1.
void fetch(FeedRig& reader, FeedRig& writer, std::uint64_t start, std::uint64_t end) {
  if (reader.feed.length() < writer.feed.length()) {
    auto proof = writer.prove(test::upgrade_request(reader.feed, writer.feed.length()));
    REQUIRE(proof);
    REQUIRE_FALSE(reader.apply(std::move(*proof)));
  }
  for (auto i = start; i < end; ++i) {
    auto proof = writer.prove(test::block_request(reader.feed, i));
    REQUIRE(proof);
    REQUIRE_FALSE(reader.apply(std::move(*proof)));
  }
}

}  // namespace

TEST_CASE("an append is visible only when its commit is durable") {
  auto rig = FeedRig::writer();
  rig.is_holding = true;
  rig.append(test::vector_blocks(0, 3));
  REQUIRE(rig.held.size() == 1);
  CHECK(std::get<CommitPtr>(rig.held[0].op)->sync);
  CHECK(rig.feed.length() == 0);
  CHECK_FALSE(rig.feed.has(0));
  CHECK(rig.feed.contiguous_length() == 0);
  CHECK(rig.read(0).error() == store::Errc::out_of_range);
  CHECK(rig.events.empty());
  CHECK(rig.feed.uncommitted_bytes() > 0);

  rig.run_one();
  const auto appended = rig.expect<Appended>();
  CHECK(appended.start == 0);
  CHECK(appended.length == 3);
  CHECK(rig.feed.length() == 3);
  CHECK(rig.feed.contiguous_length() == 3);
  CHECK(rig.feed.written_length() == 3);
  CHECK(rig.feed.uncommitted_bytes() == 0);
  CHECK(rig.feed.is_idle());
}

TEST_CASE("appends that come while a commit is under way share the next one and its signature") {
  auto rig = FeedRig::writer();
  rig.is_holding = true;
  CHECK(rig.append(test::vector_blocks(0, 1)) == 0);
  for (std::uint64_t i = 1; i < 50; ++i) CHECK(rig.append(test::vector_blocks(i, i + 1)) == i);
  CHECK(rig.held.size() == 1);
  rig.run_one();
  REQUIRE(rig.held.size() == 1);
  CHECK(rig.feed.length() == 1);
  rig.run_one();
  CHECK(rig.held.empty());
  CHECK(rig.feed.length() == 50);
  CHECK(rig.store.commits == 2);
  CHECK(rig.store.syncs == 2);
}

TEST_CASE("a feed opens again as it was written") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 100));
  rig.append(test::vector_blocks(100, 137));
  auto again = rig.reopened();
  CHECK(again.feed.length() == 137);
  CHECK(again.feed.byte_length() == rig.feed.byte_length());
  CHECK(again.feed.tree_hash() == rig.feed.tree_hash());
  CHECK(again.feed.signature() == rig.feed.signature());
  CHECK(again.feed.contiguous_length() == 137);
  for (std::uint64_t i = 0; i < 137; ++i) CHECK(again.read(i) == test::vector_block(i));
  again.append(test::vector_blocks(137, 140));
  CHECK(again.feed.length() == 140);
}

TEST_CASE("stored state that contradicts itself does not open") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 5));
  const auto state = [&] {
    auto out = rig.store.load();
    out.key = rig.feed.key();
    out.manifest = rig.feed.manifest();
    return out;
  };
  REQUIRE(Feed::open(state()));
  auto bad = state();
  bad.head->length = 6;
  CHECK(Feed::open(std::move(bad)).error() == store::Errc::corrupt);
  bad = state();
  bad.head->roots[0].hash[0] ^= 1;
  CHECK(Feed::open(std::move(bad)).error() == store::Errc::invalid_signature);
  bad = state();
  bad.node_pages.clear();
  CHECK(Feed::open(std::move(bad)).error() == store::Errc::corrupt);
  bad = state();
  bad.block_pages[0].bits[0] = 0xff;  // blocks 5 to 7
  CHECK(Feed::open(std::move(bad)).error() == store::Errc::corrupt);
  bad = state();
  bad.manifest = single_signer_manifest(PublicKey{9});
  CHECK(Feed::open(std::move(bad)).error() == store::Errc::wrong_manifest);
}

TEST_CASE("only the feed's single signer appends, and no block above 15 MiB") {
  auto rig = FeedRig::writer();
  const auto stranger = make_key_pair(test::seed_of(2));
  CHECK(rig.feed.is_writer(rig.key.public_key));
  CHECK_FALSE(rig.feed.is_writer(stranger.public_key));
  CHECK(rig.feed.append(test::vector_blocks(0, 1), stranger).error() == store::Errc::not_writer);
  std::vector<Bytes> large{Bytes(kMaxBlockSize + 1)};
  CHECK(rig.feed.append(std::move(large), rig.key).error() == store::Errc::block_too_large);
  CHECK(rig.feed.append({}, rig.key) == 0);
  rig.drain();
  CHECK(rig.store.commits == 0);

  auto reader = FeedRig::reader();
  CHECK_FALSE(reader.feed.is_writer(rig.key.public_key));  // the manifest is not known yet
}

TEST_CASE("a compat feed of our own signs with its key") {
  FeedState state;
  state.compat = true;
  state.key = make_key_pair(test::seed_of(1)).public_key;
  FeedRig rig(std::move(state));
  rig.append(test::vector_blocks(0, 3));
  CHECK(rig.feed.signature().size() == 64);
  CHECK(rig.feed.is_compat());
  CHECK_FALSE(rig.feed.has_manifest());
  CHECK(rig.reopened().feed.is_compat());

  auto reader = FeedRig::reader_of(rig.feed.key());
  fetch(reader, rig, 0, 3);
  CHECK(reader.feed.is_compat());
  CHECK(reader.feed.tree_hash() == rig.feed.tree_hash());
}

TEST_CASE("downloads are readable before they are written and need no sync") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 40));
  auto reader = FeedRig::reader();
  reader.is_holding = true;
  fetch(reader, writer, 0, 40);
  CHECK(reader.feed.length() == 40);
  CHECK(reader.feed.contiguous_length() == 40);
  CHECK(reader.feed.written_length() == 0);
  CHECK(reader.read(17) == test::vector_block(17));
  REQUIRE(reader.held.size() == 1);  // the first; everything since waits for it
  reader.run_one();
  reader.run_one();
  CHECK(reader.expect<Written>().contiguous == 40);
  CHECK(reader.held.empty());
  CHECK(reader.store.commits == 2);
  CHECK(reader.store.syncs == 0);
  CHECK(reader.feed.has_manifest());
  CHECK(reader.reopened().feed.tree_hash() == writer.feed.tree_hash());
}

TEST_CASE("sync answers once everything applied before it is durable") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 4));
  auto reader = FeedRig::reader();
  const auto nothing = reader.feed.sync();
  reader.drain();
  CHECK(has_event_for(reader.events, nothing));
  CHECK(reader.store.commits == 0);

  fetch(reader, writer, 0, 2);
  CHECK(reader.store.syncs == 0);
  reader.is_holding = true;
  const auto written = reader.feed.sync();
  reader.collect();
  CHECK_FALSE(has_event_for(reader.events, written));
  fetch(reader, writer, 2, 3);  // later than the barrier, and of no matter to it
  reader.run_one();
  CHECK(has_event_for(reader.events, written));
  CHECK(reader.store.syncs == 1);
}

TEST_CASE("a failed commit ends the feed, and later writes fail for the same reason") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 2));
  rig.is_holding = true;
  rig.append(test::vector_blocks(2, 3));
  const auto op = rig.held.front();
  rig.held.clear();
  rig.feed.handle_store_done(op.id, fail(store::Errc::full));
  rig.collect();
  CHECK(rig.expect<StoreFailed>().reason == store::Errc::full);
  CHECK(rig.feed.length() == 2);
  CHECK(rig.feed.append(test::vector_blocks(2, 3), rig.key).error() == store::Errc::full);
  CHECK(rig.read(0).error() == store::Errc::store_failed);
}

TEST_CASE(
    "whoever waits for the disk when a commit fails is answered, and whoever asks later too") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 200));
  rig = rig.reopened();  // with nothing in memory
  rig.is_holding = true;
  rig.append(test::vector_blocks(200, 201));
  const auto commit = rig.held.front();
  rig.held.clear();
  std::vector<store::Ticket> reads;
  for (std::uint64_t i = 0; i < 200; ++i) reads.push_back(rig.feed.read(i));
  ProofRequest request;
  request.block = ProofRequest::Block{3, 8};
  const auto proof = rig.feed.prove(request);
  rig.feed.verify(0);
  rig.feed.sync();
  rig.feed.handle_store_done(commit.id, fail(store::Errc::full));
  rig.collect();
  CHECK(rig.held.empty());
  for (const auto ticket : reads) CHECK(has_event_for(rig.events, ticket));
  CHECK(has_event_for(rig.events, proof));
  CHECK(count_failures(rig.events) == 2);  // the commit's, and what the check hears

  rig.events.clear();
  rig.feed.verify(0);
  rig.feed.sync();
  rig.collect();
  CHECK(count_failures(rig.events) == 2);
}

TEST_CASE("reads that are on the disk when a commit fails are answered when they come back") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 8));
  rig = rig.reopened();
  rig.is_holding = true;
  const auto read = rig.feed.read(1);
  rig.feed.verify(0);
  rig.collect();
  const auto reading = std::exchange(rig.held, {});
  rig.append(test::vector_blocks(8, 9));
  rig.feed.handle_store_done(rig.held.front().id, fail(store::Errc::full));
  for (const auto& op : reading) rig.feed.handle_store_done(op.id, rig.store.run(op));
  rig.collect();
  CHECK(has_event_for(rig.events, read));
  CHECK(count_failures(rig.events) == 2);
}

TEST_CASE("cleared blocks are gone, can be fetched again, and their tree stays") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 64));
  auto reader = FeedRig::reader();
  fetch(reader, writer, 0, 64);
  REQUIRE(reader.feed.clear(8, 24));
  reader.drain();
  CHECK(reader.feed.contiguous_length() == 8);
  CHECK_FALSE(reader.feed.has(8));
  CHECK(reader.feed.has(24));
  CHECK(reader.read(9).error() == store::Errc::not_available);
  CHECK(reader.prove(test::block_request(reader.feed, 9)).error() == store::Errc::not_available);
  CHECK(reader.feed.wanted_nodes(9) == 0);
  auto again = reader.reopened();
  CHECK_FALSE(again.feed.has(9));
  fetch(again, writer, 8, 24);
  CHECK(again.feed.contiguous_length() == 64);
  CHECK(again.read(9) == test::vector_block(9));
}

TEST_CASE("what is cleared before it was written never reaches the disk") {
  auto writer = FeedRig::writer();
  writer.append(test::vector_blocks(0, 8));
  auto reader = FeedRig::reader();
  reader.is_holding = true;
  fetch(reader, writer, 0, 8);
  REQUIRE(reader.feed.clear(2, 4));
  CHECK(reader.read(2).error() == store::Errc::not_available);
  reader.is_holding = false;
  reader.drain();
  auto again = reader.reopened();
  CHECK_FALSE(again.feed.has(2));
  CHECK(again.read(4) == test::vector_block(4));
}
