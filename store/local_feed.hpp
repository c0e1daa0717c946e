#pragma once

// A feed with its database, for programs that may wait for the disk: every call returns when its
// work is done. What a node does beside others goes through Feed itself (store/feed.hpp), whose
// storage operations run on threads of their own.
//
//   LocalFeed log(std::move(*opened), *backend);  // of FeedStore::create() or open()
//   const auto length = log.append(bytes_of("hello"));
//   const auto first = log.read(0);
//
// docs/api.md has a whole program.

#include <cstdint>
#include <optional>
#include <vector>

#include "store/feed_store.hpp"

namespace cip::store {

class LocalFeed {
 public:
  // `backend` outlives it, and no other Feed object of this feed is in use.
  LocalFeed(OpenFeed opened, Backend& backend) : opened_(std::move(opened)), backend_(backend) {}

  // Length, tree hash, which blocks are held, and whatever else is known without the disk.
  const Feed& feed() const { return opened_.feed; }
  const FeedRecord& record() const { return opened_.record; }

  // Adds blocks and returns the new length, durable. Blocks of an encrypted feed are encrypted.
  // Errors: not_writer, block_too_large, frozen, and those of the disk.
  Result<std::uint64_t> append(std::vector<Bytes> blocks);
  Result<std::uint64_t> append(ByteView block);
  // One block as it was appended. Errors: out_of_range, not_available (not held), corrupt.
  Result<Bytes> read(std::uint64_t index);
  // Cuts the feed, durable; what follows is a new fork. Errors as Feed::truncate.
  Result<void> truncate(std::uint64_t length);
  // Forgets blocks start..end-1, durable, and gives their disk back.
  Result<void> clear(std::uint64_t start, std::uint64_t end);

 private:
  // Runs storage operations until none is left; returns the failure of a commit, if there was one.
  Result<void> settle();

  OpenFeed opened_;
  Backend& backend_;
  std::vector<BlockRead> reads_;  // answers of the calls under way: one at most
};

}  // namespace cip::store
