#pragma once

// Tokens prove that a requester can receive at its IP (dht.md 2).
//
//   issued      H(current, dotted IPv4 text of the requester); ours: with ":port" behind it
//   accepted    the token made with `current` or with `previous`
//   rotation    every 7.5 s from the first use: (previous, current) := (current, H(previous))

#include <cstdint>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/random.hpp"
#include "base/time.hpp"

namespace cip::dht {

inline constexpr Duration kTokenRotation = std::chrono::milliseconds(7500);

// The token that a secret gives to an IPv4 address, or to one port of it.
Bytes32 make_token(const Bytes32& secret, std::uint32_t ip, std::uint16_t port = 0);

class TokenIssuer {
 public:
  // The secrets are drawn when the first token is wanted. `random` outlives the issuer.
  explicit TokenIssuer(Random& random) : random_(&random) {}
  // For tests against recorded secrets; the rotation clock starts with the first use.
  TokenIssuer(Random& random, const Bytes32& previous, const Bytes32& current);

  // `port` other than 0: the token is good for that port alone. Stock binds none, so that programs
  // behind one address share their tokens.
  Bytes32 issue(TimePoint now, std::uint32_t ip, std::uint16_t port = 0);
  [[nodiscard]] bool accepts(TimePoint now, std::uint32_t ip, const Bytes32& token,
                             std::uint16_t port = 0);

 private:
  void rotate(TimePoint now);

  Random* random_;
  bool seeded_ = false;
  bool started_ = false;
  TimePoint rotated_at_{};
  Bytes32 previous_{};
  Bytes32 current_{};
};

}  // namespace cip::dht
