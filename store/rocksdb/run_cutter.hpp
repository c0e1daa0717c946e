#pragma once

// Deletes ranges of positions from the runs of a feed. Runs inside a range go as a whole; of those
// that straddle an end of one, what is left is written again.

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include "store/rocksdb/run_cache.hpp"
#include "store/rocksdb/run_cursor.hpp"
#include "store/rocksdb/status.hpp"

namespace cip::store {

// Positions start..end-1.
struct PositionRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};
inline constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();

// In order, without empty ones, and such that none touches another.
std::vector<PositionRange> merge_ranges(std::vector<PositionRange> ranges);

// Adds the deletion of every run that ends inside a range.
void add_range_deletions(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family,
                         FeedNumber feed, const std::vector<PositionRange>& ranges);

// The runs that begin before an end of a range and reach behind it, by last position.
template <typename View>
Result<std::map<std::uint64_t, RunPtr<View>>> find_straddlers(
    Database& database, Family family, FeedNumber feed, const std::vector<PositionRange>& ranges) {
  std::map<std::uint64_t, RunPtr<View>> found;
  RunCursor cursor(database, family, feed);
  const auto look_at = [&](std::uint64_t border) -> Result<void> {
    const auto placed = cursor.seek(border);
    if (!placed) return fail(placed.error());
    if (!*placed || View::stands_alone(cursor.value())) return {};
    auto run = make_run<View>(cursor.last(), cursor.value());
    if (!run) return fail(Errc::corrupt);
    if (run->first < border) found.emplace(run->last, std::move(run));
    return {};
  };
  for (const auto& range : ranges) {
    if (auto seen = look_at(range.start); !seen) return fail(seen.error());
    if (range.end == kNoEnd) break;
    if (auto seen = look_at(range.end); !seen) return fail(seen.error());
  }
  return found;
}

// Adds what ranges leave of one run.
template <typename View>
void add_leftovers(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, FeedNumber feed,
                   const Run<View>& run, const std::vector<PositionRange>& ranges) {
  const auto put = [&](std::uint64_t start, std::uint64_t end) {
    if (start >= end) return;
    const auto key = run_key(feed, end - 1);
    const auto value = run.view.slice(run.offset(start), static_cast<std::size_t>(end - start));
    batch.Put(family, slice_of(key), slice_of(value)).PermitUncheckedError();
  };
  auto start = run.first;
  for (const auto& range : ranges) {
    if (range.end <= start) continue;
    if (range.start > run.last) break;
    put(start, std::max(start, range.start));
    start = range.end;
  }
  put(start, run.last + 1);
}

template <typename View>
Result<void> add_cuts(rocksdb::WriteBatch& batch, Database& database, Family family,
                      FeedNumber feed, const std::vector<PositionRange>& ranges) {
  if (ranges.empty()) return {};
  const auto straddlers = find_straddlers<View>(database, family, feed, ranges);
  if (!straddlers) return fail(straddlers.error());
  auto* handle = database.family(family);
  add_range_deletions(batch, handle, feed, ranges);
  for (const auto& [last, run] : *straddlers) add_leftovers(batch, handle, feed, *run, ranges);
  return {};
}

}  // namespace cip::store
