#pragma once

// What was written to a stream and is not acknowledged: the pieces as they were written, cut into
// packets by reference. Bytes are copied once, from here into a datagram; a repeat copies the same
// ones again (udx.md 6.1).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace cip::overlay {

// Where the payload of a packet begins, and how long it is. Chunks count from the first write on
// and wrap.
struct UdxPiece {
  std::uint32_t chunk = 0;
  std::uint32_t offset = 0;
  std::uint16_t length = 0;
};

class UdxSendQueue {
 public:
  void write(Bytes bytes);
  // Bytes that are in no packet yet.
  std::size_t queued() const { return queued_; }
  // The next bytes become a packet of that many, at most queued() and 65,535.
  UdxPiece cut(std::size_t length);
  void copy(const UdxPiece& piece, Bytes& out) const;
  // Everything before this piece is acknowledged; or all that was cut.
  void release_before(const UdxPiece& piece) { release(piece.chunk); }
  void release_cut();

 private:
  std::size_t index(std::uint32_t chunk) const { return head_ + (chunk - base_); }
  void release(std::uint32_t chunk);

  std::vector<Bytes> chunks_;  // those before `head_` are gone
  std::size_t head_ = 0;
  std::uint32_t base_ = 0;       // number of chunks_[head_]
  std::uint32_t cut_chunk_ = 0;  // where the next packet begins
  std::size_t cut_offset_ = 0;
  std::size_t queued_ = 0;
};

}  // namespace cip::overlay
