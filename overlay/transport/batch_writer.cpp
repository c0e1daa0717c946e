#include "overlay/transport/batch_writer.hpp"

#include "base/codec.hpp"

namespace cip::overlay {

UintSequence& UintSequence::uint(std::uint64_t value) {
  const auto size = uint_size(value);
  if (size == 1) {
    bytes_[size_++] = static_cast<std::uint8_t>(value);
    return *this;
  }
  bytes_[size_++] = size == 3 ? 0xfd : size == 5 ? 0xfe : 0xff;
  for (std::size_t i = 1; i < size; ++i) {
    bytes_[size_++] = static_cast<std::uint8_t>(value >> (8 * (i - 1)));
  }
  return *this;
}

void BatchWriter::add(std::uint32_t channel, std::uint64_t type, ByteView head, ByteView tail) {
  const auto size = head.size() + tail.size();
  if (size >= kBatchedPayloadLimit) {
    flush();
    const auto front = UintSequence().uint(channel).uint(type);
    const ByteView parts[] = {front, head, tail};
    out_.send_frame(parts);
    return;
  }
  if (items_ > 0 && batch_.size() + size > kBatchSize) flush();
  gather(channel, type, head, tail);
}

void BatchWriter::gather(std::uint32_t channel, std::uint64_t type, ByteView head, ByteView tail) {
  UintSequence front;
  if (items_ == 0) {
    front.uint(channel);
    first_channel_ = channel;
  } else if (channel != channel_) {
    front.uint(0).uint(channel);
  }
  front.uint(uint_size(type) + head.size() + tail.size());
  append(batch_, front);
  if (items_ == 0) first_item_offset_ = batch_.size();
  append(batch_, UintSequence().uint(type));
  append(batch_, head);
  append(batch_, tail);
  channel_ = channel;
  ++items_;
}

// A single message needs no batch around it.
void BatchWriter::flush() {
  if (items_ == 0) return;
  const ByteView gathered(batch_);
  if (items_ == 1) {
    const auto front = UintSequence().uint(first_channel_);
    const ByteView parts[] = {front, gathered.subspan(first_item_offset_)};
    out_.send_frame(parts);
  } else {
    const auto front = UintSequence().uint(0).uint(0);  // control channel, type batch
    const ByteView parts[] = {front, gathered};
    out_.send_frame(parts);
  }
  batch_.clear();
  items_ = 0;
}

}  // namespace cip::overlay
