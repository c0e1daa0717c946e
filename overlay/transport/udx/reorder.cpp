#include "overlay/transport/udx/reorder.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace cip::overlay {

bool UdxReorder::holds(UdxSeq seq) const {
  const auto after = std::partition_point(ranges_.begin(), ranges_.end(), [&](const auto& range) {
    return !udx_before(seq, range.begin);
  });
  return after != ranges_.begin() && udx_before(seq, std::prev(after)->end);
}

void UdxReorder::add(UdxSeq seq, ByteView payload) {
  CIP_ASSERT(!holds(seq));
  const auto begin = held_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto place = held_.empty() || udx_before(held_.back().seq, seq)
                         ? held_.end()
                         : std::partition_point(begin, held_.end(), [&](const auto& other) {
                             return udx_before(other.seq, seq);
                           });
  held_.insert(place, {seq, to_bytes(payload)});
  bytes_ += payload.size();
  add_range(seq);
}

std::optional<Bytes> UdxReorder::take(UdxSeq seq) {
  if (ranges_.empty() || ranges_.front().begin != seq) return std::nullopt;
  CIP_ASSERT(held_[first_].seq == seq);
  auto payload = std::move(held_[first_++].payload);
  bytes_ -= payload.size();
  if (++ranges_.front().begin == ranges_.front().end) ranges_.erase(ranges_.begin());
  if (ranges_.empty()) {
    clear();  // a burst of loss must not be paid for ever
  } else if (2 * first_ > held_.size()) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  return payload;
}

void UdxReorder::add_range(UdxSeq seq) {
  const auto after = std::partition_point(ranges_.begin(), ranges_.end(), [&](const auto& range) {
    return udx_before(range.begin, seq);
  });
  const bool joins_next = after != ranges_.end() && after->begin == seq + 1;
  if (after != ranges_.begin() && std::prev(after)->end == seq) {
    const auto before = std::prev(after);
    before->end = joins_next ? after->end : seq + 1;
    if (joins_next) ranges_.erase(after);
  } else if (joins_next) {
    after->begin = seq;
  } else {
    ranges_.insert(after, {seq, seq + 1});
  }
}

}  // namespace cip::overlay
