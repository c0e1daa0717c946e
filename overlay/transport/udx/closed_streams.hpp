#pragma once

// Streams that are gone, for a while: their ids are not given out again, since late packets may
// still come; and a peer whose last acknowledgement was lost gets it again (udx.md 3 and 4).

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>

#include "base/number_map.hpp"
#include "base/time.hpp"
#include "overlay/transport/udx/packet.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

inline constexpr Duration kUdxClosedTime = std::chrono::seconds(30);
inline constexpr std::size_t kUdxClosedKept = 1024;

// What answers DATA and END of a stream that both sides ended.
struct UdxFinalAck {
  UdxPath path;
  UdxHeader header;
};

class UdxClosedStreams {
 public:
  // Beyond kUdxClosedKept the oldest goes.
  void add(TimePoint now, UdxId id, std::optional<UdxFinalAck> answer);
  bool knows(TimePoint now, UdxId id) const { return find(now, id) != nullptr; }
  std::optional<UdxFinalAck> answer(TimePoint now, UdxId id) const;

 private:
  struct Closed {
    TimePoint until;
    std::optional<UdxFinalAck> answer;
  };

  const Closed* find(TimePoint now, UdxId id) const;

  NumberMap<Closed> closed_;
  std::deque<UdxId> order_;  // oldest first
};

}  // namespace cip::overlay
