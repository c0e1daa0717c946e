#pragma once

// Runs what may wait for a disk on a few threads, and brings the results back to the network thread
// (decisions.md D9). Jobs of one key (a feed) run one after the other in the order they came; those
// of different keys side by side.

#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "store/backend.hpp"

namespace cip::node {

// One thread waits for a sync while others read; the store itself scales no further.
inline constexpr std::size_t kStorageThreads = 3;

// Keys of jobs that belong to no feed; feeds have their numbers, which are smaller.
inline constexpr std::uint64_t kDirectoryJobs = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kStatusJobs = kDirectoryJobs + 1;
// Giving the disk back: nobody waits for it, and it is done for one feed after the other.
inline constexpr std::uint64_t kReclaimJobs = kDirectoryJobs + 2;

class StoragePool {
 public:
  // `io` and `backend` outlive the pool.
  StoragePool(asio::io_context& io, store::Backend& backend, std::size_t threads = kStorageThreads);
  // Finishes what was submitted; no result is handed out any more.
  ~StoragePool();

  using Job = std::function<void(store::Backend&)>;
  using Done = std::function<void()>;

  // `job` runs on the pool, then `done` on the network thread.
  void submit(std::uint64_t key, Job job, Done done);
  // A feed's operation, ordered by its feed.
  void submit(store::StoreOp op,
              std::function<void(store::FeedNumber, store::StoreOpId, store::StoreResult)> done);

  // Gives back the disk of what was cleared, cut or dropped of a feed. Nobody waits for that.
  void reclaim(store::FeedNumber feed);

  // Submitted and not yet handed back.
  std::size_t pending() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cip::node
