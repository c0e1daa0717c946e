#include <doctest/doctest.h>

#include "base/text.hpp"
#include "tests/unit/store/feed_fixture.hpp"

// proofs.json: a fresh reader applies what the reference implementation sent, and a writer with the
// same blocks sends the same.

using namespace cip;
using namespace cip::store;

namespace {

struct Scenario {
  test::Json json;
  Bytes32 key;
};

std::vector<test::Json> scenarios() {
  return test::load_vectors("feeds/proofs.json", "scenarios").get<std::vector<test::Json>>();
}

void check_state(const Feed& feed, const test::Json& after) {
  CHECK(feed.length() == after["length"]);
  CHECK(feed.byte_length() == after["byteLength"]);
  CHECK(feed.fork() == after["fork"]);
  if (!after["treeHash"].is_null())
    CHECK(to_hex(feed.tree_hash()) == after["treeHash"].get<std::string>());
  CHECK(feed.has_roots_of(feed.length()));
}

ProofRequest request_from(const test::Json& json, const Proof& answer) {
  ProofRequest request;
  request.fork = answer.fork;
  request.manifest = answer.manifest.has_value();
  if (!json["block"].is_null())
    request.block = ProofRequest::Block{json["block"]["index"], json["block"]["nodes"]};
  if (!json["hash"].is_null())
    request.hash = ProofRequest::Hash{json["hash"]["index"], json["hash"]["nodes"]};
  if (!json["seek"].is_null())
    request.seek = ProofRequest::Seek{json["seek"]["bytes"], json["seek"]["padding"]};
  if (!json["upgrade"].is_null())
    request.upgrade = ProofRequest::Upgrade{json["upgrade"]["start"], json["upgrade"]["length"]};
  return request;
}

test::FeedRig source_of(const test::Json& scenario) {
  if (!scenario["manifest"].is_null()) return test::FeedRig::writer();
  FeedState state;
  state.feed = 1;
  state.key = test::hex32(scenario["key"]);
  state.compat = true;
  return test::FeedRig(std::move(state));
}

}  // namespace

TEST_CASE("proofs of the peers are accepted, and tampered ones change nothing") {
  for (const auto& scenario : scenarios()) {
    if (!scenario.contains("steps")) continue;
    CAPTURE(scenario["name"].get<std::string>());
    auto reader = test::FeedRig::reader_of(test::hex32(scenario["key"]));
    for (const auto& step : scenario["steps"]) {
      CAPTURE(step["note"].get<std::string>());
      auto proof = test::proof_from(step["data"]);
      const auto commits = reader.store.commits;
      const auto blocks = reader.feed.blocks().count();
      const auto rejected = reader.apply(proof);
      CHECK(!rejected == step["accepted"].get<bool>());
      check_state(reader.feed, step["after"]);
      if (rejected) {
        CHECK(reader.store.commits == commits);
        CHECK(reader.feed.blocks().count() == blocks);
        CHECK(blames_peer(rejected) == (proof.fork == 0));
      } else if (proof.block) {
        CHECK(reader.feed.has(proof.block->index));
        CHECK(reader.read(proof.block->index) == proof.block->value);
      }
    }
    check_state(reader.reopened().feed, scenario["steps"].back()["after"]);
  }
}

TEST_CASE("requests of the peers are answered byte for byte as the peers answer them") {
  std::size_t answered = 0;
  for (const auto& scenario : scenarios()) {
    if (!scenario.contains("steps")) continue;
    const auto name = scenario["name"].get<std::string>();
    if (name.starts_with("reject")) continue;
    CAPTURE(name);
    auto source = source_of(scenario);
    for (const auto& step : scenario["steps"]) {
      CAPTURE(step["note"].get<std::string>());
      auto expected = test::proof_from(step["data"]);
      // Scenarios that grow are recorded while the source grew.
      const auto length = step["after"]["length"].get<std::uint64_t>();
      if (source.feed.length() < length)
        source.append(test::vector_blocks(source.feed.length(), length));
      const auto proof = source.prove(request_from(step["request"], expected));
      REQUIRE(proof);
      Writer ours;
      encode_parts(ours, *proof);
      Writer theirs;
      encode_parts(theirs, expected);
      CHECK(to_hex(ours.view()) == to_hex(theirs.view()));
      ++answered;
    }
  }
  CHECK(answered > 60);
}
