#include "dht/token.hpp"

#include <doctest/doctest.h>

#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;
using namespace std::chrono_literals;

namespace {

constexpr Duration kDrain = 750ms;
const TimePoint kStart{1h};
constexpr std::uint32_t kHost = 0x01020304;

}  // namespace

TEST_CASE("a token is the keyed hash of the dotted address") {
  for (const auto& vector : test::load_vectors("dht/tokens.json", "more")) {
    CHECK(make_token(test::hex32(vector.at("secret")), test::ip_of(vector.at("host"))) ==
          test::hex32(vector.at("token")));
  }
}

TEST_CASE("secrets turn every ten drains as in the stock node") {
  const auto vectors = test::load_vectors("dht/tokens.json");
  const auto ip = test::ip_of(vectors.at("address").at("host"));
  const auto& steps = vectors.at("steps");
  SeededRandom random(1);
  TokenIssuer tokens(random, test::hex32(steps[0].at("previous")),
                     test::hex32(steps[0].at("current")));
  for (const auto& step : steps) {
    const auto now = kStart + kDrain * step.at("drains").get<int>();
    CHECK(tokens.issue(now, ip) == test::hex32(step.at("tokenIssued")));
    CHECK(tokens.accepts(now, ip, test::hex32(step.at("tokenIssued"))));
    CHECK(tokens.accepts(now, ip, test::hex32(step.at("tokenAlsoAccepted"))));
  }
}

TEST_CASE("a token lives for one to two rotations") {
  SeededRandom random(1);
  TokenIssuer tokens(random);
  static_cast<void>(tokens.issue(kStart, kHost));
  const auto early = tokens.issue(kStart + 1s, kHost);
  CHECK(tokens.accepts(kStart + 14s, kHost, early));
  CHECK_FALSE(tokens.accepts(kStart + 15s, kHost, early));
  const auto late = tokens.issue(kStart + 22400ms, kHost);
  CHECK(tokens.accepts(kStart + 29900ms, kHost, late));
  CHECK_FALSE(tokens.accepts(kStart + 30s, kHost, late));
}

TEST_CASE("a token is refused for another address and from another issuer") {
  SeededRandom random(1);
  TokenIssuer tokens(random);
  const auto token = tokens.issue(kStart, kHost);
  CHECK_FALSE(tokens.accepts(kStart, kHost + 1, token));
  TokenIssuer other(random);
  CHECK_FALSE(other.accepts(kStart, kHost, token));
}

TEST_CASE("no token survives a long pause") {
  SeededRandom random(1);
  TokenIssuer tokens(random);
  const auto token = tokens.issue(kStart, kHost);
  const auto later = kStart + 24h * 365;
  CHECK_FALSE(tokens.accepts(later, kHost, token));
  const auto fresh = tokens.issue(later, kHost);
  CHECK(tokens.accepts(later + 7s, kHost, fresh));
}

TEST_CASE("nothing is drawn before the first token") {
  SeededRandom random(1);
  SeededRandom untouched(1);
  TokenIssuer tokens(random);
  CHECK(random.next_u64() == untouched.next_u64());
}
