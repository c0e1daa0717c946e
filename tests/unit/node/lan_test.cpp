// Local discovery: its message, its policy, and two nodes that meet over loopback multicast.
#include <doctest/doctest.h>
#include <unistd.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "node/lan_discovery.hpp"
#include "node/lan_policy.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;

namespace {
Now at(std::int64_t seconds) { return {TimePoint{std::chrono::seconds{seconds}}, {}}; }
constexpr Endpoint kNeighbour{0x0a000002, 5555};
}  // namespace

TEST_CASE("a lan message has one form, and others are nothing") {
  const LanMessage message{
      LanKind::answer, lan_network("default"), {1, 2, 3, 4, 5, 6, 7, 8}, 49737};
  const auto bytes = encode_lan_message(message);
  CHECK(to_hex(bytes) ==
        "6369706e6f64652d6c616e"
        "01"
        "02" +
            to_hex(lan_network("default")) +
            "0102030405060708"
            "49c2");
  auto longer = bytes;
  longer.push_back(0);
  for (const auto& good : {bytes, longer}) {
    const auto decoded = decode_lan_message(good);
    REQUIRE(decoded);
    CHECK(decoded->kind == LanKind::answer);
    CHECK(decoded->network == message.network);
    CHECK(decoded->instance == message.instance);
    CHECK(decoded->port == 49737);
  }
  for (std::size_t n = 0; n < bytes.size(); ++n)
    CHECK_FALSE(decode_lan_message(ByteView(bytes).first(n)));
  for (const std::size_t i : {0, 11, 12}) {
    auto bad = bytes;
    bad[i] ^= 0x40;
    CHECK_FALSE(decode_lan_message(bad));
  }
}

TEST_CASE("a neighbour is introduced and answered once in a while, whatever it sends") {
  LanPolicy policy(lan_network("n"), {1});
  LanPolicy other(lan_network("n"), {2});
  const auto announce = other.message(LanKind::announce, 7000);
  const auto first = policy.handle(at(0), kNeighbour, announce);
  CHECK(first.contact == Endpoint{kNeighbour.ip, 7000});
  CHECK(first.answer);
  CHECK_FALSE(policy.handle(at(9), kNeighbour, announce).contact);
  CHECK(policy.dropped() == 1);
  CHECK(policy.handle(at(10), kNeighbour, announce).contact);
}

TEST_CASE("an answer introduces its sender and is not answered") {
  LanPolicy policy(lan_network("n"), {1});
  LanPolicy other(lan_network("n"), {2});
  const auto verdict = policy.handle(at(0), kNeighbour, other.message(LanKind::answer, 7000));
  CHECK(verdict.contact);
  CHECK_FALSE(verdict.answer);
}

TEST_CASE("other networks and the own echo are not neighbours") {
  LanPolicy policy(lan_network("n"), {1});
  LanPolicy stranger(lan_network("m"), {2});
  CHECK_FALSE(policy.handle(at(0), kNeighbour, stranger.message(LanKind::announce, 1)).contact);
  CHECK_FALSE(policy.handle(at(0), kNeighbour, policy.message(LanKind::announce, 1)).contact);
}

TEST_CASE("a flood of made-up neighbours is cut off") {
  LanPolicy policy(lan_network("n"), {1});
  LanPolicy other(lan_network("n"), {2});
  std::size_t introduced = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const auto verdict = policy.handle(at(0), {i + 1, 1}, other.message(LanKind::announce, 1));
    introduced += verdict.contact.has_value();
  }
  CHECK(introduced == kMaxLanNeighbours);
}

TEST_CASE("two nodes on one host find each other, and leave other networks alone") {
  asio::io_context io;
  SeededRandom random(7);
  // An own group port, so that nodes of the host or other tests stay out of this.
  const Endpoint group{0xefff4349, static_cast<std::uint16_t>(20'000 + ::getpid() % 20'000)};
  const auto start = [&](const char* network, std::uint16_t port, std::vector<Endpoint>& heard) {
    return std::make_unique<LanDiscovery>(
        io, LanOptions{.network = network, .listen_ip = 0x7f000001, .port = port, .group = group},
        random, [&](Endpoint contact) { heard.push_back(contact); });
  };
  std::vector<Endpoint> a_heard, b_heard, c_heard;
  const auto a = start("one", 1001, a_heard);
  const auto c = start("two", 1003, c_heard);
  const auto b = start("one", 1002, b_heard);
  REQUIRE(a->problem() == "");
  CHECK(test::run_until(io, [&] { return !a_heard.empty() && !b_heard.empty(); }));
  CHECK(a_heard == std::vector<Endpoint>{{0x7f000001, 1002}});
  CHECK(b_heard == std::vector<Endpoint>{{0x7f000001, 1001}});
  CHECK(c_heard.empty());
}
