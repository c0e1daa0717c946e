#include "overlay/transport/udx/send_queue.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace cip::overlay {
namespace {

// Small writes join: a chunk each would cost more than its bytes.
constexpr std::size_t kSmallWrite = 512;
constexpr std::size_t kJoinedChunk = 4096;
// Longer writes are split, so that offsets fit and memory comes back while they are sent.
constexpr std::size_t kLongestChunk = std::size_t{1} << 20;
constexpr std::size_t kKeptChunks = 16;

}  // namespace

void UdxSendQueue::write(Bytes bytes) {
  queued_ += bytes.size();
  const bool has_last = head_ < chunks_.size();
  if (has_last && bytes.size() <= kSmallWrite &&
      chunks_.back().size() + bytes.size() <= kJoinedChunk) {
    append(chunks_.back(), bytes);
  } else if (bytes.size() <= kLongestChunk) {
    if (!bytes.empty()) chunks_.push_back(std::move(bytes));
  } else {
    for (ByteView rest = bytes; !rest.empty();) {
      const auto n = std::min(rest.size(), kLongestChunk);
      chunks_.push_back(to_bytes(rest.first(n)));
      rest = rest.subspan(n);
    }
  }
}

UdxPiece UdxSendQueue::cut(std::size_t length) {
  CIP_ASSERT(length <= queued_);
  CIP_ASSERT(length <= UINT16_MAX);
  // The end of a chunk may have been reached by a packet before more was written.
  while (length > 0 && cut_offset_ == chunks_[index(cut_chunk_)].size()) {
    ++cut_chunk_;
    cut_offset_ = 0;
  }
  const UdxPiece piece{cut_chunk_, static_cast<std::uint32_t>(cut_offset_),
                       static_cast<std::uint16_t>(length)};
  queued_ -= length;
  while (length > 0) {
    const auto n = std::min(length, chunks_[index(cut_chunk_)].size() - cut_offset_);
    cut_offset_ += n;
    length -= n;
    if (length == 0) break;
    ++cut_chunk_;
    cut_offset_ = 0;
  }
  return piece;
}

void UdxSendQueue::copy(const UdxPiece& piece, Bytes& out) const {
  auto at = index(piece.chunk);
  std::size_t offset = piece.offset;
  for (std::size_t left = piece.length; left > 0; ++at) {
    const auto view = ByteView(chunks_[at]).subspan(offset);
    const auto n = std::min(left, view.size());
    append(out, view.first(n));
    left -= n;
    offset = 0;
  }
}

void UdxSendQueue::release_cut() {
  if (queued_ > 0) return release(cut_chunk_);
  chunks_.clear();
  if (chunks_.capacity() > kKeptChunks) std::vector<Bytes>().swap(chunks_);
  head_ = 0;
  base_ = ++cut_chunk_;
  cut_offset_ = 0;
}

void UdxSendQueue::release(std::uint32_t chunk) {
  for (; base_ != chunk; ++base_) chunks_[head_++] = Bytes();
  if (head_ <= kKeptChunks || 2 * head_ <= chunks_.size()) return;
  chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

}  // namespace cip::overlay
