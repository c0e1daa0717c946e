#pragma once

// What may be sent to addresses that nobody has proven to read there (dht.md 11, "Reflection"): a
// request of 43 bytes can draw an answer of 1400, to a forged source.
//
// An IPv4 address is proven for 10 minutes by a valid token in a request of it, or by an answer to
// a request of ours. Answers to others are charged to a budget per address and per /24. When it is
// used up the answer is still sent, but bare. Not applied to loopback.

#include <cstdint>
#include <memory>

#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::dht {

class ReflectionBudget {
 public:
  static constexpr Duration kProvenFor = std::chrono::minutes(10);
  static constexpr std::size_t kMaxAddresses = 8192;  // an address costs about 64 bytes
  static constexpr double kAddressBurst = 8192, kAddressPerSecond = 1024;
  static constexpr double kSubnetBurst = 32768, kSubnetPerSecond = 8192;

  ReflectionBudget();
  ~ReflectionBudget();
  ReflectionBudget(ReflectionBudget&&) noexcept;
  ReflectionBudget& operator=(ReflectionBudget&&) noexcept;

  void prove(TimePoint now, std::uint32_t ip);
  bool is_proven(TimePoint now, std::uint32_t ip) const;

  struct Verdict {
    bool whole = true;  // false: send it without value and closer nodes
    bool ping = false;  // half of the budget is gone: ask it, once, whether it reads there
  };
  // An answer of `bytes` is about to go to `ip`.
  Verdict charge(TimePoint now, std::uint32_t ip, std::size_t bytes);

  std::size_t memory_bytes() const;

 private:
  struct State;  // on the heap when first used
  std::unique_ptr<State> state_;
};

}  // namespace cip::dht
