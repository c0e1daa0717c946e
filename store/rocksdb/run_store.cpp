#include "store/rocksdb/run_store.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "store/flat_tree.hpp"
#include "store/rocksdb/run_cursor.hpp"
#include "store/rocksdb/run_cutter.hpp"
#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

// One entry that a ReadOp asks for: where it is stored, and its place in the result.
struct Wanted {
  std::uint64_t position = 0;
  std::size_t slot = 0;
};

std::vector<Wanted> by_position(std::vector<Wanted> wanted) {
  std::sort(wanted.begin(), wanted.end(),
            [](const Wanted& a, const Wanted& b) { return a.position < b.position; });
  return wanted;
}

// Finds each wanted entry, in the cache (nullptr: none) or by one walk over the table, and hands it
// to `deliver` with its run and its offset in the run. `wanted` is ordered by position.
template <typename View, typename Deliver>
Result<void> walk(const std::vector<Wanted>& wanted, FeedNumber feed, RunCursor cursor,
                  RunCache<View>* cache, Deliver deliver) {
  const auto epoch = cache != nullptr ? cache->epoch() : 0;
  RunPtr<View> run;
  for (const auto& want : wanted) {
    if (!run || !run->holds(want.position)) {
      run = cache != nullptr ? cache->find(feed, want.position) : nullptr;
    }
    if (!run) {
      const auto placed = cursor.seek(want.position);
      if (!placed) return fail(placed.error());
      if (!*placed) return {};  // nothing at or behind this position
      if (View::stands_alone(cursor.value())) {
        // Too large to be kept, and never read twice in a row.
        const auto view = View::open(cursor.value());
        if (view && cursor.last() == want.position) deliver(*view, 0, want);
        continue;
      }
      run = make_run<View>(cursor.last(), cursor.value());
      if (!run) return fail(Errc::corrupt);
      if (cache != nullptr) cache->insert(epoch, feed, run);
      if (!run->holds(want.position)) continue;
    }
    deliver(run->view, run->offset(want.position), want);
  }
  return {};
}

std::vector<PositionRange> cleared_blocks(const CommitOp& op) {
  std::vector<PositionRange> ranges;
  for (const auto& range : op.cleared) ranges.push_back({range.start, range.end});
  if (op.truncate_to) ranges.push_back({*op.truncate_to, kNoEnd});
  return merge_ranges(std::move(ranges));
}
std::vector<PositionRange> lost_blocks(const CommitOp& op) {
  std::vector<PositionRange> ranges;
  for (const auto& range : op.lost) ranges.push_back({range.start, range.end});
  return merge_ranges(std::move(ranges));
}
std::vector<PositionRange> cleared_nodes(const CommitOp& op) {
  if (!op.truncate_to) return {};
  return {{flat::node_count(*op.truncate_to), kNoEnd}};
}

}  // namespace

// --- Reading ---

Result<ReadResult> RunStore::read(Database& database, const ReadOp& op) {
  ReadResult result;
  if (auto done = read_nodes(database, op, result); !done) return fail(done.error());
  if (auto done = read_blocks(database, op, result); !done) return fail(done.error());
  return result;
}

Result<void> RunStore::read_nodes(Database& database, const ReadOp& op, ReadResult& result) {
  result.nodes.resize(op.nodes.size());
  std::vector<Wanted> wanted;
  wanted.reserve(op.nodes.size());
  for (std::size_t i = 0; i < op.nodes.size(); ++i) {
    wanted.push_back({flat::position_of(op.nodes[i]), i});
  }
  return walk(by_position(std::move(wanted)), op.feed,
              RunCursor(database, Family::nodes, op.feed, !op.from_disk),
              op.from_disk ? nullptr : &nodes_,
              [&](const NodeRunView& run, std::size_t offset, const Wanted& want) {
                result.nodes[want.slot] = run.at(offset, op.nodes[want.slot]);
              });
}

Result<void> RunStore::read_blocks(Database& database, const ReadOp& op, ReadResult& result) {
  result.blocks.resize(op.blocks.size());
  std::vector<Wanted> wanted;
  wanted.reserve(op.blocks.size());
  for (std::size_t i = 0; i < op.blocks.size(); ++i) wanted.push_back({op.blocks[i], i});
  return walk(by_position(std::move(wanted)), op.feed,
              RunCursor(database, Family::blocks, op.feed, !op.from_disk),
              op.from_disk ? nullptr : &blocks_,
              [&](const BlockRunView& run, std::size_t offset, const Wanted& want) {
                result.blocks[want.slot] = to_bytes(run.at(offset));
              });
}

// --- Writing ---

std::size_t RunStore::batch_bytes(const CommitOp& op) {
  constexpr std::size_t kPerEntry = 40;  // a hash, its size, and a share of key and header
  std::size_t bytes = 4096 + op.nodes.size() * kPerEntry;
  for (const auto& block : op.blocks) bytes += block.value.size() + kPerEntry;
  return bytes;
}

namespace {

// What cannot be read cannot be cut either: then the runs that end in the range go unseen, and the
// rest of a run that reaches into it stays behind as what it is, unreadable. Ranges that can be
// read are cut together, since several may lie in one run.
Result<void> add_losses(Database& database, rocksdb::WriteBatch& batch, const CommitOp& op) {
  std::vector<PositionRange> readable;
  for (const auto& range : lost_blocks(op)) {
    const auto seen = find_straddlers<BlockRunView>(database, Family::blocks, op.feed, {range});
    if (seen) {
      readable.push_back(range);
    } else if (seen.error() == Errc::corrupt) {
      add_range_deletions(batch, database.family(Family::blocks), op.feed, {range});
    } else {
      return fail(seen.error());
    }
  }
  return add_cuts<BlockRunView>(batch, database, Family::blocks, op.feed, readable);
}

void add_nodes(Database& database, rocksdb::WriteBatch& batch, const CommitOp& op) {
  std::vector<PlacedNode> placed;
  placed.reserve(op.nodes.size());
  for (const auto& node : op.nodes) placed.push_back({flat::position_of(node.index), &node});
  auto* family = database.family(Family::nodes);
  for (std::span<const PlacedNode> rest = placed; !rest.empty();) {
    const auto run = rest.first(node_run_length(rest));
    rest = rest.subspan(run.size());
    CIP_ASSERT(rest.empty() || run.back().position < rest.front().position);
    const auto key = run_key(op.feed, run.back().position);
    batch.Put(family, slice_of(key), slice_of(encode_node_run(run))).PermitUncheckedError();
  }
}

void add_blocks(Database& database, rocksdb::WriteBatch& batch, const CommitOp& op) {
  auto* family = database.family(Family::blocks);
  std::vector<rocksdb::Slice> parts;
  for (std::span<const StoredBlock> rest = op.blocks; !rest.empty();) {
    const auto run = rest.first(block_run_length(rest));
    rest = rest.subspan(run.size());
    CIP_ASSERT(rest.empty() || run.back().index < rest.front().index);
    const auto key = run_key(op.feed, run.back().index);
    const auto key_slice = slice_of(key);
    const auto head = encode_block_run_head(run);
    parts.clear();
    parts.push_back(slice_of(head));
    for (const auto& block : run) parts.push_back(slice_of(block.value));
    batch
        .Put(family, rocksdb::SliceParts(&key_slice, 1),
             rocksdb::SliceParts(parts.data(), static_cast<int>(parts.size())))
        .PermitUncheckedError();
  }
}

}  // namespace

Result<void> RunStore::add(Database& database, rocksdb::WriteBatch& batch, const CommitOp& op) {
  auto cut = add_cuts<NodeRunView>(batch, database, Family::nodes, op.feed, cleared_nodes(op));
  if (!cut) return cut;
  cut = add_cuts<BlockRunView>(batch, database, Family::blocks, op.feed, cleared_blocks(op));
  if (!cut) return cut;
  if (auto lost = add_losses(database, batch, op); !lost) return lost;
  add_nodes(database, batch, op);
  add_blocks(database, batch, op);
  return {};
}

void RunStore::add_drop(Database& database, rocksdb::WriteBatch& batch, FeedNumber feed) {
  const auto begin = feed_prefix(feed);
  const auto end = feed_prefix(feed + 1);
  for (const auto family : {Family::nodes, Family::blocks}) {
    batch.DeleteRange(database.family(family), slice_of(begin), slice_of(end))
        .PermitUncheckedError();
  }
}

void RunStore::forget(const CommitOp& op) {
  const auto nodes = cleared_nodes(op);
  if (!nodes.empty()) nodes_.erase(op.feed, nodes.front().start);
  for (const auto& blocks : {cleared_blocks(op), lost_blocks(op)}) {
    if (!blocks.empty()) blocks_.erase(op.feed, blocks.front().start);
  }
}

void RunStore::forget(FeedNumber feed) {
  nodes_.erase(feed, 0);
  blocks_.erase(feed, 0);
}

void RunStore::forget_all() {
  nodes_.clear();
  blocks_.clear();
}

}  // namespace cip::store
