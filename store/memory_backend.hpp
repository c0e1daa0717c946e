#pragma once

// A Backend in memory: for tests, and for the simulator, where it stands in for RocksDB. It keeps
// the same records in the same bytes and gives the same answers, only nothing outlives it.

#include <map>
#include <mutex>

#include "store/table_backend.hpp"

namespace cip::store {

class MemoryBackend final : public TableBackend {
 public:
  // `random` is used here only, to draw the database instance.
  explicit MemoryBackend(Random& random);
  ~MemoryBackend() override;

  Result<void> sync() override { return {}; }
  Result<void> reclaim(FeedNumber) override { return {}; }
  Result<DiskUsage> disk_usage() override;

 protected:
  Result<std::optional<Bytes>> get(Table table, ByteView key) override;
  Result<std::vector<TableEntry>> scan(Table table, ByteView prefix) override;
  Result<void> write(const TableBatch& batch) override;
  Result<ReadResult> read_runs(const ReadOp& op) override;

 private:
  struct Contents {
    std::map<std::uint64_t, TreeNode> nodes;  // by completion position
    std::map<std::uint64_t, Bytes> blocks;
  };

  static void apply(Contents& contents, const CommitOp& op);

  std::mutex mutex_;
  std::map<Bytes, Bytes> tables_[4];
  std::map<FeedNumber, Contents> feeds_;
};

}  // namespace cip::store
