#include "node/block_stream.hpp"

#include <fmt/format.h>

#include "node/store_error.hpp"

namespace cip::node {

BlockStream::BlockStream(FeedLibrary& feeds, store::FeedNumber number, std::uint64_t start,
                         std::optional<std::uint64_t> end)
    : feeds_(feeds), number_(number), end_(end), position_(start), asked_(start) {
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
  if (!read->value) {
    if (!error_) error_ = error_from(read->value.error(), what);
    return true;
  }
  auto readable = feeds_.readable(number_, read->index, *read->value);
  if (!readable) {
    error_ = Error{ExitCode::corrupt, what + ": it is not an encrypted block", {}};
    return true;
  }
  ready_bytes_ += readable->size();
  ready_.emplace(read->index, std::move(*readable));
  return true;
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
