#include "base/endpoint.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace cip;

TEST_CASE("an endpoint survives the way through its text") {
  for (const std::string text : {"127.0.0.1:49737", "0.0.0.0:0", "255.255.255.255:65535"}) {
    const auto endpoint = parse_endpoint(text);
    REQUIRE(endpoint);
    CHECK(to_string(*endpoint) == text);
  }
}

TEST_CASE("text that is not HOST:PORT is refused") {
  for (const auto* text :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0:1", "1.2.3.4.5:6",
        "256.0.0.1:1", "127.0.0.01:1", "127.0.0.1:-1", "127.0.0.1:1x", " 127.0.0.1:1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text));
  }
}

TEST_CASE("addresses fall into loopback, private and public realms") {
  const auto realm = [](const char* ip) { return realm_of(*parse_ipv4(ip)); };
  CHECK(realm("127.3.2.1") == Realm::loopback);
  for (const auto* ip :
       {"10.1.1.1", "172.16.0.1", "172.31.255.255", "192.168.9.9", "169.254.1.1", "100.64.0.1"}) {
    CHECK(realm(ip) == Realm::private_network);
  }
  for (const auto* ip : {"9.9.9.9", "172.32.0.1", "192.169.0.1", "100.128.0.1"}) {
    CHECK(realm(ip) == Realm::public_network);
  }
  CHECK(Realm::loopback < Realm::private_network);
}
