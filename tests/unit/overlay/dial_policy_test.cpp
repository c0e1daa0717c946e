#include "overlay/dial_policy.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;

namespace {

Endpoint at(const char* text) { return *parse_endpoint(text); }
using Endpoints = std::vector<Endpoint>;

const Endpoints kOwn = {at("127.0.0.1:5000"), at("192.168.1.7:5000"), at("20.0.0.7:5000")};

DialView seen(const char* peer) {
  return {.peer_seen = at(peer), .public_ip = {}, .interfaces = {}};
}

Now after(Duration time) { return {TimePoint{} + time, {}}; }

}  // namespace

TEST_CASE("a peer is offered endpoints of realms it shares, public ones always") {
  CHECK(endpoints_to_offer(kOwn, seen("127.0.0.1:9")) == Endpoints{kOwn[0], kOwn[2]});
  CHECK(endpoints_to_offer(kOwn, seen("10.0.0.9:9")) == Endpoints{kOwn[1], kOwn[2]});
  CHECK(endpoints_to_offer(kOwn, seen("30.0.0.9:9")) == Endpoints{kOwn[2]});
}

TEST_CASE("a peer behind the same NAT is offered private endpoints") {
  auto view = seen("20.0.0.1:9");
  view.public_ip = *parse_ipv4("20.0.0.1");
  CHECK(endpoints_to_offer(kOwn, view) == Endpoints{kOwn[1], kOwn[2]});
}

TEST_CASE("a peer that a relay sees on its own host is where the relay is") {
  CHECK(seen_from(at("192.168.1.9:1"), at("127.0.0.1:7")) == at("192.168.1.9:7"));
  CHECK(seen_from(at("127.0.0.1:1"), at("127.0.0.1:7")) == at("127.0.0.1:7"));
  CHECK(seen_from(at("192.168.1.9:1"), at("20.0.0.1:7")) == at("20.0.0.1:7"));
}

TEST_CASE("private and loopback endpoints of a public peer are not dialled") {
  CHECK(endpoints_to_dial(kOwn, seen("30.0.0.9:9")) == Endpoints{kOwn[2]});
}

TEST_CASE("endpoints on the same network are dialled first") {
  auto view = seen("192.168.1.9:9");
  view.interfaces = {*parse_ipv4("192.168.1.3")};
  const Endpoints offered = {at("20.0.0.7:1"), at("10.1.1.1:1"), at("192.168.1.9:1"),
                             at("172.16.0.1:1"), at("21.0.0.7:1")};
  const auto order = endpoints_to_dial(offered, view);
  REQUIRE(order.size() == 5);
  CHECK(order[0] == at("192.168.1.9:1"));
  CHECK(order[3] == at("20.0.0.7:1"));
  CHECK(order[4] == at("21.0.0.7:1"));
}

TEST_CASE("at most eight different endpoints with a port are dialled") {
  Endpoints offered = {at("20.0.0.1:1"), at("20.0.0.1:1"),  {0x14000002, 0},
                       {0, 5},           at("224.0.0.1:5"), at("255.255.255.255:5")};
  for (std::uint16_t port = 2; port < 20; ++port) offered.push_back({0x14000001, port});
  const auto order = endpoints_to_dial(offered, seen("20.0.0.1:9"));
  CHECK(order.size() == kMaxEndpointsDialled);
  CHECK(order[0] == at("20.0.0.1:1"));
  CHECK(order[1] == at("20.0.0.1:2"));
}

TEST_CASE("dialled back is only the address the hello came from, at user ports") {
  const Endpoints offered = {at("30.0.0.9:5000"), at("30.0.0.9:80"), at("30.0.0.8:5000"),
                             at("127.0.0.1:5000")};
  CHECK(endpoints_to_dial_back(offered, at("30.0.0.9:9")) == Endpoints{offered[0]});
  CHECK(endpoints_to_dial_back(offered, at("127.0.0.1:9")) == Endpoints{offered[3]});
}

TEST_CASE("at most eight dials back to one address in a minute, whoever asks") {
  DialBackLimiter limiter;
  for (int i = 0; i < 8; ++i) CHECK(limiter.allow(after(i * 1s), 1));
  CHECK_FALSE(limiter.allow(after(59s), 1));
  CHECK(limiter.allow(after(59s), 2));
  CHECK(limiter.allow(after(60s), 1));
  CHECK_FALSE(limiter.allow(after(60s), 1));
}

TEST_CASE("the limiter's memory is bounded") {
  DialBackLimiter limiter;
  int allowed = 0;
  for (std::uint32_t ip = 1; ip < 10000; ++ip) allowed += limiter.allow(after(0s), ip) ? 1 : 0;
  CHECK(allowed == 4096);
  CHECK(limiter.allow(after(61s), 9999));
}
