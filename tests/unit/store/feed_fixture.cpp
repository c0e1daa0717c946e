#include "tests/unit/store/feed_fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace cip::test {

using namespace store;

Bytes content(std::uint64_t index, std::size_t size) {
  Bytes block(size);
  for (std::size_t j = 0; j < block.size(); ++j)
    block[j] = static_cast<std::uint8_t>(index * 31 + j * 7 + (j >> 8) * 13 + (index >> 8) * 17);
  return block;
}

Bytes vector_block(std::uint64_t index) { return content(index, index * 7919 % 41); }

std::vector<Bytes> vector_blocks(std::uint64_t start, std::uint64_t end) {
  std::vector<Bytes> blocks;
  for (auto i = start; i < end; ++i) blocks.push_back(vector_block(i));
  return blocks;
}

Seed seed_of(std::uint8_t byte) {
  Seed seed;
  seed.fill(byte);
  return seed;
}

TreeNode node_from(const Json& json) {
  return {json["index"].get<std::uint64_t>(), json["size"].get<std::uint64_t>(),
          hex32(json["hash"])};
}

Proof proof_from(const Json& data) {
  const auto bytes = hex(data);
  Reader in(bytes);
  const auto flags = in.uint();
  in.uint();  // request id
  Proof proof;
  proof.fork = in.uint();
  REQUIRE(decode_parts(in, flags, proof));
  return proof;
}

StoreResult TestStore::run(const StoreOp& op) {
  if (const auto* reading = std::get_if<ReadOp>(&op.op)) return read(*reading);
  commit(*std::get<CommitPtr>(op.op));
  return ReadResult{};
}

StoreResult TestStore::read(const ReadOp& op) {
  ++reads;
  nodes_read += op.nodes.size();
  const auto is_in = [](const auto& set) { return [&](auto item) { return set.contains(item); }; };
  if (std::any_of(op.nodes.begin(), op.nodes.end(), is_in(unreadable_nodes)) ||
      std::any_of(op.blocks.begin(), op.blocks.end(), is_in(unreadable_blocks)))
    return fail(store::Errc::corrupt);
  ReadResult out;
  for (const auto index : op.nodes) {
    const auto found = nodes_.find(flat::position_of(index));
    out.nodes.push_back(found == nodes_.end() ? std::nullopt : std::optional(found->second));
  }
  for (const auto index : op.blocks) {
    const auto found = blocks_.find(index);
    out.blocks.push_back(found == blocks_.end() ? std::nullopt : std::optional(found->second));
  }
  return out;
}

void TestStore::commit(const CommitOp& op) {
  ++commits;
  if (op.sync) ++syncs;
  if (op.truncate_to) {
    blocks_.erase(blocks_.lower_bound(*op.truncate_to), blocks_.end());
    nodes_.erase(nodes_.lower_bound(flat::node_count(*op.truncate_to)), nodes_.end());
  }
  for (const auto* ranges : {&op.cleared, &op.lost})
    for (const auto& range : *ranges) {
      blocks_.erase(blocks_.lower_bound(range.start), blocks_.lower_bound(range.end));
      unreadable_blocks.erase(unreadable_blocks.lower_bound(range.start),
                              unreadable_blocks.lower_bound(range.end));
    }
  if (op.manifest) manifest_ = op.manifest;
  if (op.head) head_ = op.head;
  if (op.equivocation) equivocation_ = op.equivocation;
  std::optional<std::uint64_t> last;
  for (const auto& node : op.nodes) {
    const auto position = flat::position_of(node.index);
    CHECK((!last || *last < position));
    last = position;
    CHECK(nodes_.emplace(position, node).second);
  }
  last.reset();
  for (const auto& block : op.blocks) {
    CHECK((!last || *last < block.index));
    last = block.index;
    CHECK(blocks_.emplace(block.index, block.value).second);
  }
  for (const auto& page : op.block_pages) block_pages_[page.number] = page;
  for (const auto& page : op.node_pages) node_pages_[page.number] = page;
}

FeedState TestStore::load() const {
  FeedState state;
  state.manifest = manifest_;
  state.head = head_;
  state.equivocation = equivocation_;
  for (const auto& [number, page] : block_pages_) state.block_pages.push_back(page);
  for (const auto& [number, page] : node_pages_) state.node_pages.push_back(page);
  return state;
}

FeedRig::FeedRig(FeedState state)
    : number(state.feed),
      feed(Feed::open(std::move(state)).value()),
      key(make_key_pair(seed_of(1))) {}

FeedRig FeedRig::writer() {
  FeedState state;
  state.feed = 1;
  state.manifest = single_signer_manifest(make_key_pair(seed_of(1)).public_key);
  state.key = manifest_key(*state.manifest);
  return FeedRig(std::move(state));
}

FeedRig FeedRig::reader_of(const Bytes32& key) {
  FeedState state;
  state.feed = 2;
  state.key = key;
  return FeedRig(std::move(state));
}

FeedRig FeedRig::reopened() const {
  auto state = store.load();
  state.feed = number;
  state.key = feed.key();
  if (!state.manifest) state.manifest = feed.manifest();
  FeedRig out(std::move(state));
  out.store = store;
  return out;
}

void FeedRig::collect() {
  while (auto op = feed.poll_store_op()) held.push_back(std::move(*op));
  while (auto event = feed.poll_event()) events.push_back(std::move(*event));
}

void FeedRig::run_one() {
  const auto op = std::move(held.front());
  held.pop_front();
  CHECK(op.feed() == number);
  feed.handle_store_done(op.id, store.run(op));
  collect();
}

void FeedRig::drain() {
  collect();
  while (!is_holding && !held.empty()) run_one();
}

std::uint64_t FeedRig::append(std::vector<Bytes> blocks) {
  const auto start = feed.append(std::move(blocks), key);
  REQUIRE(start);
  drain();
  return *start;
}

std::error_code FeedRig::apply(Proof proof) {
  events.clear();
  const auto ticket = feed.apply(std::move(proof));
  drain();
  for (const auto& event : events) {
    if (const auto* applied = std::get_if<Applied>(&event))
      if (applied->ticket == ticket) return {};
    if (const auto* rejected = std::get_if<Rejected>(&event))
      if (rejected->ticket == ticket) return rejected->reason;
  }
  throw std::runtime_error("no answer to apply");
}

Result<Proof> FeedRig::prove(const ProofRequest& request) {
  const auto ticket = feed.prove(request);
  drain();
  auto ready = expect<ProofReady>();
  CHECK(ready.ticket == ticket);
  return std::move(ready.proof);
}

Result<Bytes> FeedRig::read(std::uint64_t index) {
  const auto ticket = feed.read(index);
  drain();
  auto done = expect<BlockRead>();
  CHECK(done.ticket == ticket);
  CHECK(done.index == index);
  return std::move(done.value);
}

ProofRequest block_request(const Feed& reader, std::uint64_t index) {
  ProofRequest request;
  request.fork = reader.fork();
  request.block = ProofRequest::Block{index, reader.wanted_nodes(index)};
  return request;
}

ProofRequest upgrade_request(const Feed& reader, std::uint64_t length) {
  ProofRequest request;
  request.fork = reader.fork();
  request.upgrade = ProofRequest::Upgrade{reader.length(), length - reader.length()};
  request.manifest = !reader.has_manifest();
  return request;
}

}  // namespace cip::test
