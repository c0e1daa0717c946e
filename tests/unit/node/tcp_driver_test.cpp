#include "node/tcp_driver.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "node/port_pair.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
using test::run_until;

namespace {

constexpr std::uint32_t kLoopback = 0x7f000001;

// One side: a driver that keeps what it hears.
struct Side {
  explicit Side(asio::io_context& io, std::size_t most = kMaxTcpConnections)
      : driver(io, callbacks(), most) {}

  TcpDriver::Callbacks callbacks() {
    return {.accepted = [this](Endpoint) -> std::optional<ConnectionId> {
              if (refusing) return std::nullopt;
              accepted.push_back(next++);
              return accepted.back();
            },
            .connected = [this](ConnectionId id) { connected.insert(id); },
            .received = [this](ConnectionId id, MutableByteView b) { append(data[id], b); },
            .closed = [this](ConnectionId id, std::error_code error) { closed[id] = error; },
            .drained = [this](ConnectionId id) { drained.insert(id); }};
  }

  ConnectionId next = 100;
  bool refusing = false;
  std::vector<ConnectionId> accepted;
  std::set<ConnectionId> connected, drained;
  std::map<ConnectionId, Bytes> data;
  std::map<ConnectionId, std::error_code> closed;
  TcpDriver driver;
};

struct TcpFixture {
  asio::io_context io;
  Side server{io}, client{io};
  Endpoint at;

  TcpFixture() {
    auto acceptor = listen_tcp(io, {kLoopback, 0});
    at = {kLoopback, acceptor->local_endpoint().port()};
    server.driver.listen(std::move(*acceptor));
  }
  void connect() {
    client.driver.dial(1, at);
    REQUIRE(
        run_until(io, [&] { return client.connected.contains(1) && server.accepted.size() == 1; }));
  }
};

}  // namespace

TEST_CASE_FIXTURE(TcpFixture, "bytes travel both ways and in order") {
  connect();
  client.driver.write(1, to_bytes(bytes_of("hello ")));
  client.driver.write(1, to_bytes(bytes_of("world")));
  server.driver.write(100, to_bytes(bytes_of("back")));
  CHECK(run_until(io, [&] { return text_of(server.data[100]) == "hello world"; }));
  CHECK(run_until(io, [&] { return text_of(client.data[1]) == "back"; }));
  CHECK(server.driver.info(100)->bytes_in == 11);
  CHECK(client.driver.counters().bytes_out == 11);
}

TEST_CASE_FIXTURE(TcpFixture, "what is written before the connection stands is sent when it does") {
  client.driver.dial(1, at);
  client.driver.write(1, Bytes(5, 7));
  CHECK(run_until(io, [&] { return server.data[100] == Bytes(5, 7); }));
}

TEST_CASE_FIXTURE(TcpFixture, "a full connection says so and tells when it has drained") {
  connect();
  server.driver.hold_reading(100, true);
  std::size_t written = 0;
  while (!client.driver.is_full(1)) {
    client.driver.write(1, Bytes(256 * 1024, 1));
    written += 256 * 1024;
    io.poll();
    REQUIRE(written < 64 * 1024 * 1024);
  }
  io.poll();
  CHECK(client.drained.empty());
  server.driver.hold_reading(100, false);
  CHECK(run_until(io, [&] { return client.drained.contains(1); }));
  CHECK(run_until(io, [&] { return server.data[100].size() == written; }));
}

TEST_CASE_FIXTURE(TcpFixture, "a close sends what is queued, and the other side hears of the end") {
  connect();
  client.driver.write(1, Bytes(3'000'000, 9));
  client.driver.close(1);
  CHECK(run_until(io, [&] { return server.closed.contains(100); }));
  CHECK(server.data[100].size() == 3'000'000);
  CHECK(client.closed.empty());
  CHECK(client.driver.connections() == 0);
}

TEST_CASE_FIXTURE(TcpFixture, "a dial that nobody answers ends with an error") {
  Side other{io};
  auto acceptor = listen_tcp(io, {kLoopback, 0});
  const Endpoint gone{kLoopback, acceptor->local_endpoint().port()};
  acceptor->close();
  other.driver.dial(1, gone);
  CHECK(run_until(io, [&] { return other.closed.contains(1); }));
  CHECK(other.closed[1] == asio::error::connection_refused);
  CHECK(other.driver.counters().failed_dials == 1);
}

TEST_CASE_FIXTURE(TcpFixture, "a socket that its owner does not want is closed") {
  server.refusing = true;
  client.driver.dial(1, at);
  CHECK(run_until(io, [&] { return client.closed.contains(1); }));
  CHECK(server.driver.connections() == 0);
}

TEST_CASE("strangers take three quarters of the connections, the rest is for dials") {
  asio::io_context io;
  Side server{io, 8}, client{io}, other{io};
  auto acceptor = listen_tcp(io, {kLoopback, 0});
  const Endpoint at{kLoopback, acceptor->local_endpoint().port()};
  server.driver.listen(std::move(*acceptor));
  auto elsewhere = listen_tcp(io, {kLoopback, 0});
  const Endpoint there{kLoopback, elsewhere->local_endpoint().port()};
  other.driver.listen(std::move(*elsewhere));
  for (ConnectionId id = 1; id <= 20; ++id) client.driver.dial(id, at);
  REQUIRE(run_until(io, [&] { return client.closed.size() == 14; }));
  CHECK(server.accepted.size() == 6);
  CHECK(server.driver.counters().refused == 14);
  for (ConnectionId id = 1; id <= 3; ++id) server.driver.dial(id, there);
  REQUIRE(run_until(io, [&] { return server.connected.size() + server.closed.size() == 3; }));
  CHECK(server.connected.size() == 2);
  CHECK(server.closed[3] == asio::error::no_descriptors);
}

TEST_CASE_FIXTURE(TcpFixture, "a closed connection is silent even if bytes are under way") {
  connect();
  client.driver.write(1, Bytes(10));
  server.driver.close(100);
  CHECK(run_until(io, [&] { return client.closed.contains(1); }));
  CHECK(server.closed.empty());
  client.driver.write(1, Bytes(10));
  CHECK(client.driver.unsent(1) == 0);
}
