#include "node/block_stream.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "node/store_error.hpp"

namespace cip::node {

BlockStream::BlockStream(FeedLibrary& feeds, store::FeedNumber number, std::uint64_t start,
                         std::optional<std::uint64_t> end,
                         const std::optional<Bytes32>& encryption_key)
    : feeds_(feeds),
      number_(number),
      end_(end),
      encryption_key_(encryption_key),
      position_(start),
      asked_(start) {
  feeds_.add_reader(number_, *this);
}

BlockStream::~BlockStream() { feeds_.remove_reader(number_, *this); }

void BlockStream::pump() {
  auto* feed = feeds_.feed(number_);
  while (feed && !error_ && feed->has(asked_) && asked_ < feed->length() &&
         (!end_ || asked_ < *end_) && reading_.size() + ready_.size() < kAhead &&
         ready_bytes_ < kAheadBytes) {
    reading_[feed->read(asked_)] = asked_;
    ++asked_;
  }
  feeds_.turn();
}

bool BlockStream::handle(const overlay::FeedNews& news) {
  const auto* event = std::get_if<store::FeedEvent>(&news.what);
  const auto* read = event ? std::get_if<store::BlockRead>(event) : nullptr;
  if (!read || reading_.erase(read->ticket) == 0) return false;
  const auto what = fmt::format("reading block {}", read->index);
  const auto* feed = feeds_.feed(number_);
  if (!feed) return true;  // taken out meanwhile; the owner hears of that
  if (!read->value && !feed->has(read->index)) {
    if (read->value.error() == store::Errc::corrupt)
      damage_ = error_from(read->value.error(), what);
    forget_from(read->index);  // cleared or cut meanwhile; the owner says what becomes of it
    return true;
  }
  if (!read->value) {
    if (!error_) error_ = error_from(read->value.error(), what);
    return true;
  }
  auto readable = decrypted(read->index, *read->value);
  if (!readable) {
    if (error_) return true;
    error_ = encryption_key_
                 ? Error{ExitCode::refused, what + ": it is not encrypted with the key given",
                         "the author of the feed knows its key: feed create printed it"}
                 : Error{ExitCode::corrupt, what + ": it is not encrypted with the feed's key", {}};
    return true;
  }
  ready_bytes_ += readable->size();
  ready_.emplace(read->index, std::move(*readable));
  return true;
}

// The cipher is made with the first block: whether the feed is compat, which it depends on, is
// known then.
std::optional<Bytes> BlockStream::decrypted(std::uint64_t index, Bytes stored) {
  if (!cipher_) cipher_ = feeds_.cipher(number_, encryption_key_);
  if (!cipher_) return stored;
  return cipher_->decrypt(index, feeds_.feed(number_)->fork(), stored);
}

void BlockStream::rewind(std::uint64_t position) {
  position_ = std::min(position_, position);
  forget_from(position);
}

// Answers to reads that are forgotten come all the same, and to nobody.
void BlockStream::forget_from(std::uint64_t index) {
  asked_ = std::max(position_, std::min(asked_, index));
  std::erase_if(reading_, [index](const auto& read) { return read.second >= index; });
  for (auto at = ready_.lower_bound(index); at != ready_.end(); at = ready_.erase(at)) {
    ready_bytes_ -= at->second.size();
  }
}

std::optional<std::uint64_t> BlockStream::first_missing() const {
  const auto* feed = feeds_.feed(number_);
  if (!feed || error_ || asked_ >= feed->length() || (end_ && asked_ >= *end_)) return std::nullopt;
  return feed->has(asked_) ? std::nullopt : std::optional(asked_);
}

std::optional<BlockStream::Block> BlockStream::next() {
  const auto found = ready_.find(position_);
  if (found == ready_.end()) return std::nullopt;
  Block block{position_++, std::move(found->second)};
  ready_bytes_ -= block.bytes.size();
  ready_.erase(found);
  return block;
}

}  // namespace cip::node
