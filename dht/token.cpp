#include "dht/token.hpp"

#include "base/crypto.hpp"

namespace cip::dht {

Bytes32 make_token(const Bytes32& secret, std::uint32_t ip, std::uint16_t port) {
  if (port == 0) return keyed_hash(secret, bytes_of(ipv4_text(ip)));
  return keyed_hash(secret, bytes_of(to_string(Endpoint{ip, port})));
}

TokenIssuer::TokenIssuer(Random& random, const Bytes32& previous, const Bytes32& current)
    : random_(&random), seeded_(true), previous_(previous), current_(current) {}

Bytes32 TokenIssuer::issue(TimePoint now, std::uint32_t ip, std::uint16_t port) {
  rotate(now);
  return make_token(current_, ip, port);
}

bool TokenIssuer::accepts(TimePoint now, std::uint32_t ip, const Bytes32& token,
                          std::uint16_t port) {
  rotate(now);
  return equal_secret(token, make_token(current_, ip, port)) ||
         equal_secret(token, make_token(previous_, ip, port));
}

void TokenIssuer::rotate(TimePoint now) {
  if (!seeded_) {
    previous_ = random_->bytes<32>();
    current_ = random_->bytes<32>();
    seeded_ = true;
  }
  if (!started_) {
    rotated_at_ = now;
    started_ = true;
  }
  // After a long pause no token of before is good any more: two steps make all of them invalid, and
  // an idle year costs no more than 15 s do.
  const auto due = (now - rotated_at_) / kTokenRotation;
  for (Duration::rep i = 0; i < due && i < 2; ++i) {
    const Bytes32 next = hash(previous_);
    previous_ = current_;
    current_ = next;
  }
  rotated_at_ += due * kTokenRotation;
}

}  // namespace cip::dht
