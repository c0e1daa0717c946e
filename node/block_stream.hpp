#pragma once

// Reads blocks of a feed in order as they become available, some ahead of where its reader is.

#include <functional>
#include <map>
#include <optional>

#include "node/feed_library.hpp"

namespace cip::node {

class BlockStream final : public BlockReader {
 public:
  // Reads under way or waiting for their turn, in number and bytes.
  static constexpr std::size_t kAhead = 64;
  static constexpr std::size_t kAheadBytes = 4 << 20;

  // `end`: none goes on for ever. `encryption_key`: the reader's own; else that of the home is
  // used, if it knows one. The feed is open while this lives.
  BlockStream(FeedLibrary& feeds, store::FeedNumber number, std::uint64_t start,
              std::optional<std::uint64_t> end, const std::optional<Bytes32>& encryption_key = {});
  ~BlockStream();
  BlockStream(const BlockStream&) = delete;
  BlockStream& operator=(const BlockStream&) = delete;

  std::uint64_t position() const override { return position_; }

  void set_end(std::uint64_t end) { end_ = end; }
  std::optional<std::uint64_t> end() const { return end_; }
  // Goes back to `position`: what was read from there on is read again.
  void rewind(std::uint64_t position);
  // The next block to be read, if it is wanted and part of the feed, and not held.
  std::optional<std::uint64_t> first_missing() const;
  // Asks the feed for what is there; call after news of the feed and after next().
  void pump();
  // True when the news answered a read of this stream.
  bool handle(const overlay::FeedNews& news);

  // The next block as its reader gets it, if it has been read.
  struct Block {
    std::uint64_t index = 0;
    Bytes bytes;
  };
  std::optional<Block> next();
  bool is_at_end() const { return end_ && position_ >= *end_; }
  // A block could not be read or decrypted; nothing more comes. Error refused: it is not encrypted
  // with the reader's key.
  const std::optional<Error>& error() const { return error_; }
  // A block was damaged and has been given up, to be fetched again.
  const std::optional<Error>& damage() const { return damage_; }

 private:
  std::optional<Bytes> decrypted(std::uint64_t index, Bytes stored);
  void forget_from(std::uint64_t index);

  FeedLibrary& feeds_;
  store::FeedNumber number_;
  std::optional<std::uint64_t> end_;
  std::optional<Bytes32> encryption_key_;
  std::optional<store::BlockCipher> cipher_;
  std::uint64_t position_;  // of the reader
  std::uint64_t asked_;     // first block not asked for
  std::map<store::Ticket, std::uint64_t> reading_;
  std::map<std::uint64_t, Bytes> ready_;
  std::size_t ready_bytes_ = 0;
  std::optional<Error> error_;
  std::optional<Error> damage_;
};

}  // namespace cip::node
