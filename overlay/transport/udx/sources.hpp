#pragma once

// From which addresses packets of a stream are taken (udx.md 13 "Source rule").

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::overlay {

// Besides the connected one.
inline constexpr std::size_t kUdxLearnedSources = 4;
// After a change of the remote is complete, packets of the old address are taken so long.
inline constexpr Duration kUdxOldSourceTime = std::chrono::seconds(10);

class UdxSources {
 public:
  bool accepts(TimePoint now, Endpoint from) const;
  // Data that is part of the lane came from here.
  void learn(Endpoint from);
  // What was learned is all there is, from now on.
  void trust() { trusted_ = true; }

  void connect(Endpoint to) { connected_ = to; }
  void change(Endpoint to);
  // All that was sent before the change is acknowledged.
  void complete_change(TimePoint now);

 private:
  bool trusted_ = false;
  Endpoint connected_;
  std::vector<Endpoint> learned_;
  std::optional<Endpoint> old_;
  std::optional<TimePoint> old_until_;  // once the change is complete
};

}  // namespace cip::overlay
