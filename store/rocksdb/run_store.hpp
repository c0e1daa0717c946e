#pragma once

// Reads and writes the runs of nodes and blocks (run_codec.hpp) of a Database that may be opened
// anew between two calls. Thread-safe, with
// one commit per feed at a time, as Backend demands.

#include <rocksdb/write_batch.h>

#include "store/rocksdb/database.hpp"
#include "store/rocksdb/run_cache.hpp"

namespace cip::store {

class RunStore {
 public:
  // `cache_bytes` is shared by the caches of nodes and of blocks.
  explicit RunStore(std::size_t cache_bytes) : nodes_(cache_bytes / 2), blocks_(cache_bytes / 2) {}

  Result<ReadResult> read(Database& database, const ReadOp& op);

  // Adds truncation, clearing, nodes and blocks of a commit to `batch`. Reads the runs that are
  // cut.
  static Result<void> add(Database& database, rocksdb::WriteBatch& batch, const CommitOp& op);
  // Adds the end of all runs of a feed.
  static void add_drop(Database& database, rocksdb::WriteBatch& batch, FeedNumber feed);
  // To be called after the batch was written.
  void forget(const CommitOp& op);
  void forget(FeedNumber feed);
  void forget_all();

  // About how many bytes `add` will put, so that the batch can be made large enough at once.
  static std::size_t batch_bytes(const CommitOp& op);

 private:
  Result<void> read_nodes(Database& database, const ReadOp& op, ReadResult& result);
  Result<void> read_blocks(Database& database, const ReadOp& op, ReadResult& result);

  RunCache<NodeRunView> nodes_;
  RunCache<BlockRunView> blocks_;
};

}  // namespace cip::store
