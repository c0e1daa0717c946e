#include <doctest/doctest.h>

#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::store;
using test::FeedRig;
using test::same;

TEST_CASE("requests that no proof can answer are refused by name") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 20));
  const auto refused = [&](auto change) {
    ProofRequest request;
    change(request);
    const auto proof = rig.prove(request);
    return proof ? std::error_code{} : proof.error();
  };
  using R = ProofRequest;
  CHECK(refused([](R& r) { r.block = R::Block{3, 4}; }) == std::error_code{});
  CHECK(refused([](R& r) { r.block = R::Block{3, 5}; }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) { r.block = R::Block{3, ~0ull}; }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) { r.block = R::Block{20, 0}; }) == store::Errc::not_available);
  CHECK(refused([](R& r) { r.hash = R::Hash{40, 0}; }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) { r.hash = R::Hash{~0ull, 0}; }) == store::Errc::invalid_request);
  CHECK(refused([](R&) {}) == store::Errc::invalid_request);
  CHECK(refused([](R& r) { r.upgrade = R::Upgrade{0, 21}; }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) { r.upgrade = R::Upgrade{5, 0}; }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) { r.upgrade = R::Upgrade{~0ull, 2}; }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) { r.seek = R::Seek{3, 0}; }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) {
          r.upgrade = R::Upgrade{10, 10};
          r.seek = R::Seek{3, 0};
          r.block = R::Block{12, 0};
        }) == store::Errc::invalid_request);
  CHECK(refused([](R& r) {
          r.fork = 1;
          r.block = R::Block{3, 0};
        }) == store::Errc::not_available);
}

TEST_CASE("whoever wants the manifest gets it even where nothing else can be answered") {
  auto rig = FeedRig::writer();
  ProofRequest request;
  request.manifest = true;
  auto proof = rig.prove(request);
  REQUIRE(proof);
  CHECK(proof->manifest == rig.feed.manifest());
  CHECK_FALSE(proof->upgrade);
  request.fork = 7;
  request.block = ProofRequest::Block{0, 0};
  proof = rig.prove(request);
  REQUIRE(proof);
  CHECK(proof->fork == 0);
  CHECK(proof->manifest == rig.feed.manifest());
  CHECK_FALSE(proof->block);

  auto reader = FeedRig::reader();
  CHECK_FALSE(reader.apply(std::move(*proof)));
  CHECK(reader.feed.has_manifest());
  CHECK(reader.feed.length() == 0);
}

TEST_CASE("a proof reads exactly the nodes and the block that it has") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 2000));
  auto cold = rig.reopened();
  ProofRequest request;
  request.block = ProofRequest::Block{100, 10};
  const auto before = cold.store.nodes_read;
  const auto proof = cold.prove(request);
  REQUIRE(proof);
  CHECK(proof->block->nodes.size() == 10);
  CHECK(proof->block->value == test::vector_block(100));
  CHECK(cold.store.nodes_read == before + 10);
  CHECK(cold.store.reads == 1);
}

TEST_CASE("requests that wait together are read together") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 500));
  auto cold = rig.reopened();
  for (std::uint64_t i = 0; i < 300; ++i) cold.feed.read(i);
  cold.drain();
  CHECK(cold.store.reads == (300 + kMaxBlocksPerRead - 1) / kMaxBlocksPerRead);
  std::uint64_t next = 0;
  for (const auto& event : cold.events) {
    const auto& read = std::get<BlockRead>(event);
    CHECK(read.index == next);
    CHECK(read.value == test::vector_block(next++));
  }
  CHECK(next == 300);
}

TEST_CASE("what waits for the disk has a bound") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 10));
  rig.is_holding = true;
  for (std::size_t i = 0; i < kMaxWaiting; ++i) rig.feed.read(3);
  rig.collect();
  CHECK(rig.held.size() == 4);
  CHECK(rig.read(3).error() == store::Errc::overloaded);
  CHECK(rig.prove(test::block_request(rig.feed, 3)).error() == store::Errc::overloaded);
  rig.is_holding = false;
  rig.drain();
  CHECK(rig.feed.is_idle());
  CHECK(rig.read(3) == test::vector_block(3));
}

TEST_CASE("a byte offset is located by reading node after node") {
  auto rig = FeedRig::writer();
  rig.append(test::vector_blocks(0, 1000));
  auto cold = rig.reopened();
  std::uint64_t offset = 0;
  for (std::uint64_t i = 0; i < 700; ++i) offset += test::vector_block(i).size();
  ProofRequest request;
  request.upgrade = ProofRequest::Upgrade{0, 1000};
  request.seek = ProofRequest::Seek{offset + 1, 0};
  const auto cold_proof = cold.prove(request);
  REQUIRE(cold_proof);
  REQUIRE(cold_proof->seek);
  CHECK(cold_proof->seek->nodes.front().index == 1400);
  CHECK(same(cold_proof, rig.prove(request)));

  request.upgrade.reset();
  request.hash = ProofRequest::Hash{3, rig.feed.length() > 512 ? 7u : 0u};
  request.seek = ProofRequest::Seek{200, 0};
  CHECK(same(cold.prove(request), rig.prove(request)));
  request.seek = ProofRequest::Seek{1ull << 40, 0};
  CHECK(cold.prove(request).error() == store::Errc::invalid_request);
}
