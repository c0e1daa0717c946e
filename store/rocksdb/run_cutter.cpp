#include "store/rocksdb/run_cutter.hpp"

namespace cip::store {

namespace {
// A range of this many positions is deleted key by key: the tombstone of a range costs every later
// search a little, and retention clears single blocks all the time.
constexpr std::uint64_t kPointDeletes = 32;
}  // namespace

std::vector<PositionRange> merge_ranges(std::vector<PositionRange> ranges) {
  std::erase_if(ranges, [](const auto& range) { return range.start >= range.end; });
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.start < b.start; });
  std::vector<PositionRange> merged;
  for (const auto& range : ranges) {
    if (!merged.empty() && range.start <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, range.end);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

void add_range_deletions(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family,
                         FeedNumber feed, const std::vector<PositionRange>& ranges) {
  for (const auto& range : ranges) {
    if (range.end - range.start > kPointDeletes) {
      const auto begin = run_key(feed, range.start);
      const auto end = run_key(feed, range.end);
      batch.DeleteRange(family, slice_of(begin), slice_of(end)).PermitUncheckedError();
      continue;
    }
    for (auto position = range.start; position < range.end; ++position) {
      const auto key = run_key(feed, position);
      batch.Delete(family, slice_of(key)).PermitUncheckedError();
    }
  }
}

}  // namespace cip::store
