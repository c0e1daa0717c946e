#pragma once

// The writing half of the multiplexer: gathers messages into batches (feeds.md 4).

#include <cstdint>

#include "base/bytes.hpp"
#include "overlay/transport/frame_sink.hpp"

namespace cip::overlay {

// Messages are gathered into a batch up to about this size; larger payloads go alone.
inline constexpr std::size_t kBatchSize = 64 * 1024;
inline constexpr std::size_t kBatchedPayloadLimit = 8 * 1024;

class BatchWriter {
 public:
  // `out` outlives the writer.
  explicit BatchWriter(FrameSink& out) : out_(out) {}

  // One message of the channel with this own number; 0 is the control channel. The payload is in
  // two pieces that need not be joined before.
  void add(std::uint32_t channel, std::uint64_t type, ByteView head, ByteView tail = {});
  // Sends what was gathered.
  void flush();

 private:
  void gather(std::uint32_t channel, std::uint64_t type, ByteView head, ByteView tail);

  FrameSink& out_;
  Bytes batch_;  // as it follows the batch's own type
  std::size_t items_ = 0;
  std::uint32_t channel_ = 0;          // current channel at the end of the batch
  std::uint32_t first_channel_ = 0;    // and of its first item,
  std::size_t first_item_offset_ = 0;  // which begins here
};

// One to three uints in their shortest form, on the stack.
class UintSequence {
 public:
  UintSequence& uint(std::uint64_t value);
  operator ByteView() const { return ByteView(bytes_).first(size_); }

 private:
  FixedBytes<27> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace cip::overlay
