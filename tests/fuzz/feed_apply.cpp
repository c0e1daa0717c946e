// Proofs against a feed: an honest one, chosen by the first byte and overlaid with the rest of the
// input, or the input itself as the parts of a data message. Whatever is accepted, the reader must
// hold blocks of the writer and one of the trees that the writer signed, and nothing else.

#include <vector>

#include "base/assert.hpp"
#include "base/crypto.hpp"
#include "store/feed.hpp"

namespace {

using namespace cip;
using namespace cip::store;

constexpr std::uint64_t kKnown = 20;   // blocks that the reader knows of
constexpr std::uint64_t kLength = 37;  // of the writer

Bytes block(std::uint64_t index) { return Bytes(index * 7 % 23, static_cast<std::uint8_t>(index)); }

// A feed whose commits all succeed; it keeps the last one to answer reads from.
struct Writer {
  Feed feed;
  std::vector<TreeNode> nodes;  // by completion position

  Proof prove(const ProofRequest& request) {
    feed.prove(request);
    drain();
    for (;;) {
      auto event = feed.poll_event();
      CIP_ASSERT(event.has_value());
      auto* ready = std::get_if<ProofReady>(&*event);
      if (ready == nullptr) continue;
      CIP_ASSERT(ready->proof.has_value());
      return std::move(*ready->proof);
    }
  }
  void drain() {
    while (auto op = feed.poll_store_op()) {
      ReadResult result;
      if (const auto* read = std::get_if<ReadOp>(&op->op)) {
        for (const auto node : read->nodes) result.nodes.push_back(nodes[flat::position_of(node)]);
        for (const auto index : read->blocks) result.blocks.push_back(block(index));
      } else {
        const auto& commit = *std::get<CommitPtr>(op->op);
        nodes.insert(nodes.end(), commit.nodes.begin(), commit.nodes.end());
      }
      feed.handle_store_done(op->id, std::move(result));
    }
  }
};

struct World {
  Bytes32 key{};
  Proof first;                 // brings a reader to kKnown
  std::vector<Proof> honest;   // for a reader at kKnown
  std::vector<Bytes32> trees;  // tree hashes that are signed: at kKnown and kLength
};

World make_world() {
  CIP_ASSERT(init_crypto());
  const auto key = make_key_pair(Seed{1});
  FeedState state;
  state.manifest = single_signer_manifest(key.public_key);
  state.key = manifest_key(*state.manifest);
  Writer writer{*Feed::open(std::move(state)), {}};
  World world;
  world.key = writer.feed.key();
  const auto append = [&](std::uint64_t end) {
    std::vector<Bytes> blocks;
    for (auto i = writer.feed.length(); i < end; ++i) blocks.push_back(block(i));
    CIP_ASSERT(writer.feed.append(std::move(blocks), key).has_value());
    writer.drain();
    world.trees.push_back(writer.feed.tree_hash());
  };
  using R = ProofRequest;
  append(kKnown);
  R request;
  request.upgrade = R::Upgrade{0, kKnown};
  request.manifest = true;
  world.first = writer.prove(request);
  append(kLength);
  const auto add = [&](auto change) {
    R asked;
    change(asked);
    world.honest.push_back(writer.prove(asked));
  };
  add([](R& r) { r.block = R::Block{3, 4}; });
  add([](R& r) { r.block = R::Block{18, 2}; });
  add([](R& r) { r.hash = R::Hash{9, 2}; });
  add([](R& r) { r.upgrade = R::Upgrade{kKnown, kLength - kKnown}; });
  add([](R& r) { r.upgrade = R::Upgrade{kKnown, 5}; });
  add([](R& r) {
    r.upgrade = R::Upgrade{kKnown, kLength - kKnown};
    r.block = R::Block{30, 0};
  });
  add([](R& r) {
    r.upgrade = R::Upgrade{kKnown, kLength - kKnown};
    r.seek = R::Seek{300, 0};
  });
  add([](R& r) {
    r.hash = R::Hash{18, 4};
    r.seek = R::Seek{100, 0};
  });
  return world;
}

// Encodes an honest proof, changes it where the input has a byte that is not 0, and decodes it.
bool overlay(const Proof& honest, ByteView changes, Proof& out) {
  cip::Writer writer;
  encode_parts(writer, honest);
  auto bytes = writer.take();
  for (std::size_t i = 0; i < changes.size() && i < bytes.size(); ++i) bytes[i] ^= changes[i];
  Reader in(bytes);
  return decode_parts(in, part_flags(honest), out);
}

void check(Feed& reader, const Proof& proof, const World& world) {
  const bool grown = reader.length() != kKnown;
  CIP_ASSERT(reader.length() == (grown ? kLength : kKnown));
  CIP_ASSERT(reader.tree_hash() == world.trees[grown ? 1 : 0]);
  CIP_ASSERT(reader.fork() == 0);
  if (!proof.block || !reader.has(proof.block->index)) return;
  CIP_ASSERT(proof.block->index < reader.length());
  reader.read(proof.block->index);
  while (auto event = reader.poll_event())
    if (const auto* read = std::get_if<BlockRead>(&*event))
      CIP_ASSERT(read->value == block(proof.block->index));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world = make_world();
  if (size == 0) return 0;
  FeedState state;
  state.key = world.key;
  auto reader = *Feed::open(std::move(state));
  reader.apply(world.first);
  // Its commits are never answered, so that it needs no disk: everything stays at hand.
  const ByteView rest(data + 1, size - 1);
  Proof proof;
  if (data[0] < world.honest.size()) {
    if (!overlay(world.honest[data[0]], rest, proof)) return 0;
  } else {
    Reader in(rest);
    if (!decode_parts(in, data[0], proof)) return 0;
  }
  reader.apply(proof);
  check(reader, proof, world);
  return 0;
}
