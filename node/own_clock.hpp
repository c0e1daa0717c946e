#pragma once

// When own messages of a topic were written, whatever the clock showed then: it may have been set
// since. Kept as one small named state per topic.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "node/clock.hpp"

namespace cip::node {

class OwnClock {
 public:
  // Looks how the clock is set now. True: it is set otherwise than before, which is to be saved.
  bool look(const ClockSetting& setting);
  // The message `seq`, and those after it, are written now. True: that is to be saved.
  bool note_written(std::uint64_t seq, const ClockSetting& setting);
  // How far the clock was ahead of what it shows now when the message was written. 0 as well when
  // nothing is known of that time.
  std::int64_t ahead_ms(std::uint64_t seq) const;
  bool is_empty() const { return steps_.empty(); }

  Bytes save() const;
  // Empty when the bytes are not understood.
  static OwnClock load(ByteView bytes);

 private:
  // Messages from `from` on were written while the clock was so far ahead.
  struct Step {
    std::uint64_t from = 0;
    std::int64_t ahead_ms = 0;
    // The machine was started anew since: what its clock showed then is not compared any more.
    bool is_settled = false;

    template <typename Archive>
    void serialize(Archive& archive) {
      archive(from, ahead_ms, is_settled);
    }
  };
  struct Saved;

  ClockSetting seen_;
  std::vector<Step> steps_;
};

inline constexpr std::uint8_t kClockVersion = 1;
inline constexpr std::string_view kClockBegin = "own-clock/";

// The name of the state of a topic.
std::string own_clock_name(const Bytes32& topic);

}  // namespace cip::node
