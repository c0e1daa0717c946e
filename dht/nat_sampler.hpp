#pragma once

// Decides which own address to believe in from what others say they see (dht.md 9; peer
// implementation: npm nat-sampler).
//
// The last 16 samples count, each for the pair (ip, port) and for (ip, any), merged with an equal
// entry among the latest 4 samples. With n samples the threshold is n below 4, n-1 below 8, n-2
// below 12, else n-3. If the best pair reaches it, ip and port are believed; else if the best ip
// does, the ip is believed and the port is 0 (a NAT with changing ports); else nothing.
//
// Where we differ: one source /24 has one vote at most (option), so that a few lying nodes of one
// network cannot move the belief. Private and loopback sources are exempt: a LAN is one /24.

#include <cstdint>
#include <memory>
#include <optional>

#include "base/endpoint.hpp"

namespace cip::dht {

class NatSampler {
 public:
  enum class Counting : std::uint8_t { every_sample, one_per_subnet };

  explicit NatSampler(Counting counting = Counting::one_per_subnet);
  ~NatSampler();
  NatSampler(NatSampler&&) noexcept;
  NatSampler& operator=(NatSampler&&) noexcept;

  // `seen` is what `source` says it sees us at. Returns how many counted samples named that pair.
  unsigned add(Endpoint seen, Endpoint source);
  void reset();

  // Port 0: the ip is stable and the port is not. Nothing: no belief.
  std::optional<Endpoint> believed() const;
  unsigned size() const;  // samples that count, 16 at most

 private:
  struct State;  // on the heap when first used
  Counting counting_;
  std::unique_ptr<State> state_;
};

}  // namespace cip::dht
