#pragma once

// Hellos whose other side may open a stream, by the stream id expected from it (dht.md 18.2
// "Pending hellos"): 10 s, or a minute where a hole has to be punched first; at most 1024, those
// that expire first go first.

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "overlay/transport/bound.hpp"

namespace cip::overlay {

inline constexpr Duration kPendingHelloLife = std::chrono::seconds(10);
inline constexpr Duration kPendingPunchLife = std::chrono::seconds(60);
inline constexpr std::size_t kMaxPendingHellos = 1024;

class PendingTable final : public PendingHellos {
 public:
  void add(Now now, const PendingHello& hello, Duration life = kPendingHelloLife);
  // Of which nobody comes any more, or of which somebody has come.
  std::optional<PendingHello> forget(HelloId id);
  void expire(Now now);

  const PendingHello* find_pending(const Bytes32& id) const override;
  std::size_t size() const { return hellos_.size(); }
  std::uint64_t evicted() const { return evicted_; }
  // When the next entry expires.
  std::optional<TimePoint> next_timeout() const;

 private:
  std::unordered_map<Bytes32, PendingHello, Bytes32Hash> hellos_;
  std::unordered_map<HelloId, Bytes32> by_id_;
  // By when they expire, stream ids; entries forgotten meanwhile are still in it.
  std::multimap<TimePoint, Bytes32> ages_;
  std::uint64_t evicted_ = 0;
};

}  // namespace cip::overlay
