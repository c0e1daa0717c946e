#pragma once

// Runs what may wait for a disk on a few threads, and brings the results back to the network thread
// (decisions.md D9). Jobs of one lane run one after the other in the order they came; those of
// different lanes side by side.

#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "store/storage_requests.hpp"

namespace cip::node {

// One thread waits for a sync while others read; the store itself scales no further.
inline constexpr std::size_t kStorageThreads = 3;

class StoragePool {
 public:
  // `io` and `backend` outlive the pool.
  StoragePool(asio::io_context& io, store::Backend& backend, std::size_t threads = kStorageThreads);
  // Finishes what was submitted; no result is handed out any more.
  ~StoragePool();

  using Job = std::function<void(store::Backend&)>;
  using Done = std::function<void()>;

  // `job` runs on the pool, then `done` on the network thread. For the drivers of the disk alone.
  void submit(store::StorageLane lane, Job job, Done done);
  // A feed's operation, ordered by its feed.
  void submit(store::StoreOp op,
              std::function<void(store::FeedNumber, store::StoreOpId, store::StoreResult)> done);

  // Runs what is asked for there from now on. `requests` outlives the pool.
  void serve(store::StorageRequests& requests);

  // Submitted and not yet handed back.
  std::size_t pending() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cip::node
