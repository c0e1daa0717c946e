#pragma once

// What came before its turn: packets above the first missing number, by number, and the blocks
// that a SACK tells of them (udx.md 5.2 and 5.3). It says nothing about what may be held; who adds
// has checked that.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "overlay/transport/udx/sequence.hpp"

namespace cip::overlay {

// No number so far ahead of the expected one is held (udx.md 13).
inline constexpr std::int32_t kUdxMaxAhead = 8192;
// What holding a payload costs besides its bytes, about: counted, so that small ones are not free.
inline constexpr std::size_t kUdxHeldOverhead = 64;

class UdxReorder {
 public:
  bool holds(UdxSeq seq) const;
  // A copy of the payload, for a number that is not held and not the first missing one.
  void add(UdxSeq seq, ByteView payload);
  // Takes the packet of that number out if it is the lowest that is held.
  std::optional<Bytes> take(UdxSeq seq);
  void clear() { *this = {}; }

  bool empty() const { return ranges_.empty(); }
  // Numbers that are held: merged, lowest first.
  std::span<const UdxRange> ranges() const { return ranges_; }
  // Payload that is held, and what holding it costs.
  std::size_t bytes() const { return bytes_; }
  std::size_t cost() const { return bytes_ + (held_.size() - first_) * kUdxHeldOverhead; }

 private:
  struct Held {
    UdxSeq seq = 0;
    Bytes payload;
  };

  void add_range(UdxSeq seq);

  // By number; those before `first_` are taken out. Nearly all are added at the back.
  std::vector<Held> held_;
  std::size_t first_ = 0;
  std::vector<UdxRange> ranges_;
  std::size_t bytes_ = 0;
};

}  // namespace cip::overlay
