#pragma once

// When to speak on the local network, and how often to listen to whom: the part of local discovery
// that needs no socket.

#include <map>
#include <optional>

#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "node/lan_message.hpp"

namespace cip::node {

// Announces follow each other quickly at first, since the neighbour may be starting too, then
// slowly, for neighbours that come later announce themselves.
inline constexpr Duration kLanFirstPauses[] = {std::chrono::milliseconds(500),
                                               std::chrono::seconds(2), std::chrono::seconds(5)};
inline constexpr Duration kLanPause = std::chrono::seconds(30);
// One answer and one introduction per neighbour in this time; a flood of others is cut off at so
// many neighbours remembered.
inline constexpr Duration kLanQuiet = std::chrono::seconds(10);
inline constexpr std::size_t kMaxLanNeighbours = 256;

class LanPolicy {
 public:
  LanPolicy(LanNetwork network, FixedBytes<8> instance) : network_(network), instance_(instance) {}

  struct Verdict {
    std::optional<Endpoint> contact;  // to be introduced to the DHT
    bool answer = false;              // tell the sender about this node
  };
  Verdict handle(Now now, Endpoint from, const LanMessage& message);

  // When the next announce is due, after `sent` of them.
  static Duration pause_after(std::size_t sent);

  LanMessage message(LanKind kind, std::uint16_t port) const {
    return {kind, network_, instance_, port};
  }
  std::uint64_t dropped() const { return dropped_; }

 private:
  void forget_old(Now now);

  LanNetwork network_;
  FixedBytes<8> instance_;
  std::map<Endpoint, TimePoint> heard_;
  std::uint64_t dropped_ = 0;
};

}  // namespace cip::node
