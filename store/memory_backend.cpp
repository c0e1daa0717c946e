#include "store/memory_backend.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace {

bool starts_with(ByteView key, ByteView prefix) {
  return key.size() >= prefix.size() && equal(key.first(prefix.size()), prefix);
}

template <typename Map>
void erase_between(Map& map, std::uint64_t start, std::uint64_t end) {
  if (start < end) map.erase(map.lower_bound(start), map.lower_bound(end));
}

}  // namespace

MemoryBackend::MemoryBackend(Random& random) {
  const auto initialised = initialise(random);
  CIP_ASSERT(initialised.has_value());
}

MemoryBackend::~MemoryBackend() = default;

Result<std::optional<Bytes>> MemoryBackend::get(Table table, ByteView key) {
  std::lock_guard lock(mutex_);
  const auto& entries = tables_[static_cast<int>(table)];
  const auto found = entries.find(to_bytes(key));
  if (found == entries.end()) return std::optional<Bytes>{};
  return std::optional<Bytes>{found->second};
}

Result<std::vector<TableEntry>> MemoryBackend::scan(Table table, ByteView prefix) {
  std::lock_guard lock(mutex_);
  const auto& entries = tables_[static_cast<int>(table)];
  std::vector<TableEntry> out;
  for (auto at = entries.lower_bound(to_bytes(prefix)); at != entries.end(); ++at) {
    if (!starts_with(at->first, prefix)) break;
    out.push_back({at->first, at->second});
  }
  return out;
}

void MemoryBackend::apply(Contents& contents, const CommitOp& op) {
  if (op.truncate_to) {
    const auto positions = flat::node_count(*op.truncate_to);
    contents.blocks.erase(contents.blocks.lower_bound(*op.truncate_to), contents.blocks.end());
    contents.nodes.erase(contents.nodes.lower_bound(positions), contents.nodes.end());
  }
  for (const auto* ranges : {&op.cleared, &op.lost}) {
    for (const auto& range : *ranges) erase_between(contents.blocks, range.start, range.end);
  }
  for (const auto& node : op.nodes) {
    contents.nodes.insert_or_assign(contents.nodes.end(), flat::position_of(node.index), node);
  }
  for (const auto& block : op.blocks) {
    contents.blocks.insert_or_assign(contents.blocks.end(), block.index, block.value);
  }
}

Result<void> MemoryBackend::write(const TableBatch& batch) {
  std::lock_guard lock(mutex_);
  if (batch.drop) {
    feeds_.erase(*batch.drop);
    const auto prefix = keys::feed_contents(*batch.drop);
    std::erase_if(tables_[static_cast<int>(Table::feeds)],
                  [&](const auto& entry) { return starts_with(entry.first, prefix); });
  }
  for (const auto& change : batch.changes) {
    auto& entries = tables_[static_cast<int>(change.table)];
    if (change.value) {
      entries.insert_or_assign(change.key, *change.value);
    } else {
      entries.erase(change.key);
    }
  }
  if (batch.commit != nullptr) apply(feeds_[batch.commit->feed], *batch.commit);
  return {};
}

Result<ReadResult> MemoryBackend::read_runs(const ReadOp& op) {
  std::lock_guard lock(mutex_);
  ReadResult result;
  result.nodes.resize(op.nodes.size());
  result.blocks.resize(op.blocks.size());
  const auto contents = feeds_.find(op.feed);
  if (contents == feeds_.end()) return result;
  const auto& [nodes, blocks] = contents->second;
  for (std::size_t i = 0; i < op.nodes.size(); ++i) {
    const auto found = nodes.find(flat::position_of(op.nodes[i]));
    if (found != nodes.end()) result.nodes[i] = found->second;
  }
  for (std::size_t i = 0; i < op.blocks.size(); ++i) {
    const auto found = blocks.find(op.blocks[i]);
    if (found != blocks.end()) result.blocks[i] = found->second;
  }
  return result;
}

Result<DiskUsage> MemoryBackend::disk_usage() {
  std::lock_guard lock(mutex_);
  DiskUsage usage;
  for (const auto& table : tables_) {
    for (const auto& [key, value] : table) usage.bytes += key.size() + value.size();
  }
  for (const auto& [number, contents] : feeds_) {
    usage.bytes += contents.nodes.size() * sizeof(TreeNode);
    for (const auto& [index, value] : contents.blocks) usage.bytes += value.size();
  }
  usage.live_bytes = usage.bytes;
  return usage;
}

}  // namespace cip::store
