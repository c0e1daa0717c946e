#pragma once

// The trace of a run: one hash over everything that went into and came out of every node, in order.
// Two runs of a seed with the same trace did the same.

#include "base/bytes.hpp"

namespace cip::simulations {

class Trace {
 public:
  void add(ByteView bytes);
  void add_number(std::uint64_t number);
  // The hash of all that was added so far.
  Bytes32 digest() const;

 private:
  // Hashed in pages: chained = H(chained || page).
  static constexpr std::size_t kPage = 1 << 16;
  void fold();

  Bytes32 chained_{};
  Bytes page_;  // the bytes up to filled_ are in use
  std::size_t filled_ = 0;
};

}  // namespace cip::simulations
