#include "node/udp_socket.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using test::run_until;

namespace {
constexpr std::uint32_t kLoopback = 0x7f000001;

struct Seen {
  std::vector<std::pair<Endpoint, Bytes>> datagrams;
  UdpSocket::OnDatagram recorder() {
    return [this](Now, Endpoint from, ByteView bytes) {
      datagrams.emplace_back(from, to_bytes(bytes));
    };
  }
};
}  // namespace

TEST_CASE("datagrams arrive with their source, bursts included") {
  asio::io_context io;
  UdpSocket a(io), b(io);
  REQUIRE_FALSE(a.open({kLoopback, 0}));
  REQUIRE_FALSE(b.open({kLoopback, 0}));
  Seen seen;
  b.start(seen.recorder());
  for (std::uint8_t i = 0; i < 100; ++i) CHECK(a.send({kLoopback, b.port()}, Bytes(3, i)));
  REQUIRE(run_until(io, [&] { return seen.datagrams.size() == 100; }));
  CHECK(seen.datagrams[99].first == Endpoint{kLoopback, a.port()});
  CHECK(seen.datagrams[99].second == Bytes(3, 99));
  CHECK(a.counters().bytes_out == 300);
  CHECK(b.counters().bytes_in == 300);
}

TEST_CASE("segments arrive as datagrams of their own, above what the system takes at once too") {
  asio::io_context io;
  UdpSocket a(io), b(io);
  REQUIRE_FALSE(a.open({kLoopback, 0}));
  REQUIRE_FALSE(b.open({kLoopback, 0}));
  Seen seen;
  b.start(seen.recorder());
  Bytes bytes(150 * 1000 + 7);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i / 1000);
  CHECK(a.send_segments({kLoopback, b.port()}, bytes, 1000));
  REQUIRE(run_until(io, [&] { return seen.datagrams.size() == 151; }));
  for (std::uint8_t i = 0; i < 150; ++i) CHECK(seen.datagrams[i].second == Bytes(1000, i));
  CHECK(seen.datagrams[150].second == Bytes(7, 150));
  CHECK(a.counters().datagrams_out == 151);
  CHECK(a.counters().bytes_out == bytes.size());
}

TEST_CASE("datagrams that must not be cut carry the bit that says so, and others do not") {
  asio::io_context io;
  UdpSocket socket(io);
  REQUIRE_FALSE(socket.open({kLoopback, 0}));
  const auto mode = [&] {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(socket.native_handle(), IPPROTO_IP, IP_MTU_DISCOVER, &value, &size);
    return value;
  };
  const Endpoint to{kLoopback, 9};
  socket.send_segments(to, Bytes(3000), 1000, Fragments::never);
  CHECK(mode() == IP_PMTUDISC_PROBE);
  socket.send_segments(to, Bytes(3000), 1000, Fragments::allowed);
  CHECK(mode() == IP_PMTUDISC_DONT);
  socket.send(to, Bytes(10));
  CHECK(mode() == IP_PMTUDISC_WANT);
}

TEST_CASE("a socket on all addresses answers from the one it is told to") {
  asio::io_context io;
  UdpSocket a(io), b(io);
  REQUIRE_FALSE(a.open({0, 0}));
  REQUIRE_FALSE(b.open({kLoopback, 0}));
  Seen seen;
  b.start(seen.recorder());
  a.send({kLoopback, b.port()}, Bytes(1), {.source_ip = 0x7f000005});
  REQUIRE(run_until(io, [&] { return seen.datagrams.size() == 1; }));
  CHECK(seen.datagrams[0].first == Endpoint{0x7f000005, a.port()});
}

TEST_CASE("datagrams above 2048 bytes are counted and dropped") {
  asio::io_context io;
  UdpSocket a(io), b(io);
  REQUIRE_FALSE(a.open({kLoopback, 0}));
  REQUIRE_FALSE(b.open({kLoopback, 0}));
  Seen seen;
  b.start(seen.recorder());
  a.send({kLoopback, b.port()}, Bytes(2049));
  a.send({kLoopback, b.port()}, Bytes(2048));
  REQUIRE(run_until(io, [&] { return b.counters().datagrams_in == 2; }));
  REQUIRE(seen.datagrams.size() == 1);
  CHECK(seen.datagrams[0].second.size() == 2048);
  CHECK(b.counters().oversized == 1);
}

TEST_CASE("a port where nobody listens does not stop a socket from hearing others") {
  asio::io_context io;
  UdpSocket a(io), b(io);
  REQUIRE_FALSE(a.open({kLoopback, 0}));
  REQUIRE_FALSE(b.open({kLoopback, 0}));
  const Endpoint gone{kLoopback, b.port()};
  b.close();
  Seen seen;
  a.start(seen.recorder());
  a.send(gone, Bytes(1));
  UdpSocket c(io);
  REQUIRE_FALSE(c.open({kLoopback, 0}));
  c.send({kLoopback, a.port()}, Bytes(2));
  CHECK(run_until(io, [&] { return seen.datagrams.size() == 1; }));
}
