#include "node/port_pair.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::node;

namespace {
constexpr std::uint32_t kLoopback = 0x7f000001;
}

TEST_CASE("without a word of the user the stock ports come first, then any") {
  const auto ports = ports_to_try(std::nullopt);
  REQUIRE(ports.size() == 5 + kPairAttempts);
  CHECK(ports[0] == 49737);
  CHECK(ports[4] == 49741);
  CHECK(ports[5] == 0);
}

TEST_CASE("an explicit port is the only one, and 0 asks the system") {
  CHECK(ports_to_try(Endpoint{kLoopback, 4000}) == std::vector<std::uint16_t>{4000});
  CHECK(ports_to_try(Endpoint{kLoopback, 0}) == std::vector<std::uint16_t>(kPairAttempts, 0));
}

TEST_CASE("both halves of a pair have the same number") {
  asio::io_context io;
  const auto pair = bind_port_pair(io, Endpoint{kLoopback, 0});
  REQUIRE(pair);
  CHECK(pair->local.port != 0);
  CHECK(pair->udp.local_endpoint().port() == pair->local.port);
  CHECK(pair->tcp.local_endpoint().port() == pair->local.port);
}

TEST_CASE("an explicit port that either half finds taken is busy, and the text names it") {
  asio::io_context io;
  const auto pair = bind_port_pair(io, Endpoint{kLoopback, 0});
  REQUIRE(pair);
  const auto second = bind_port_pair(io, pair->local);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ExitCode::busy);
  CHECK(second.error().message == to_string(pair->local) + " is already in use");

  const auto tcp_only = listen_tcp(io, {kLoopback, 0});
  REQUIRE(tcp_only);
  const auto third = bind_port_pair(io, Endpoint{kLoopback, tcp_only->local_endpoint().port()});
  REQUIRE_FALSE(third);
  CHECK(third.error().code == ExitCode::busy);
}

TEST_CASE("an address of another host is a usage error") {
  asio::io_context io;
  const auto pair = bind_port_pair(io, *parse_endpoint("192.0.2.1:0"));
  REQUIRE_FALSE(pair);
  CHECK(pair.error().code == ExitCode::usage);
}
