#pragma once

// Which numbers of the other side have come, what is in order, and where its direction ends
// (udx.md 5). Payload that is in order never stays here.

#include <cstddef>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "overlay/transport/udx/reorder.hpp"
#include "overlay/transport/udx/sequence.hpp"

namespace cip::overlay {

class UdxReceiver {
 public:
  explicit UdxReceiver(UdxSeq first) : expected_(first) {}

  // What a packet of DATA or END with this number is.
  enum class Place {
    next,     // the first missing one
    early,    // there is a gap before it
    known,    // was here before, or lies behind the end
    too_far,  // kUdxMaxAhead numbers ahead, or more
  };
  Place place_of(UdxSeq seq) const;

  // The next one has come. Its payload belongs to the stream; so does that of take_next(), called
  // until it gives none.
  void advance();
  std::optional<Bytes> take_next();
  // One that is early: its payload is kept, unless the stream ends before it.
  void keep(UdxSeq seq, ByteView payload);
  // The direction ends with this number. The first word counts; one of a past number is ignored.
  void end_at(UdxSeq seq);

  UdxSeq expected() const { return expected_; }
  bool ended() const { return ended_; }
  std::span<const UdxRange> gaps_above() const { return reorder_.ranges(); }
  bool has_gap() const { return !reorder_.empty(); }
  std::size_t held_bytes() const { return reorder_.bytes(); }
  std::size_t held_cost() const { return reorder_.cost(); }

 private:
  UdxSeq expected_;
  std::optional<UdxSeq> last_;  // number of the END
  bool ended_ = false;          // expected_ is the number after it
  UdxReorder reorder_;
};

}  // namespace cip::overlay
