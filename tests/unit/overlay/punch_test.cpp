#include <doctest/doctest.h>

#include "base/machine.hpp"
#include "overlay/errors.hpp"
#include "tests/unit/overlay/punch_network.hpp"

using namespace cip;
using namespace cip::overlay;
using test::NatKind;
using test::PunchNetwork;
using namespace std::chrono_literals;

namespace {

PunchNat nat_of(std::initializer_list<Endpoint> seen) {
  PunchNat nat;
  std::uint16_t node = 1;
  for (const auto address : seen) nat.add(address, {9, node++});
  return nat;
}

}  // namespace

TEST_CASE("what nodes see of a socket tells what its NAT does") {
  using dht::Firewall;
  const Endpoint a{1, 10}, b{1, 11}, c{1, 12}, d{1, 13}, other{2, 10};
  CHECK(nat_of({a, a}).firewall() == Firewall::unknown);
  CHECK(nat_of({a, a, a}).firewall() == Firewall::consistent);
  CHECK(nat_of({a, a, a}).addresses() == std::vector{a});
  CHECK(nat_of({a, b, c}).firewall() == Firewall::random);
  CHECK(nat_of({a, b, c}).addresses() == std::vector{Endpoint{1, 0}});
  CHECK(nat_of({a, a, b}).firewall() == Firewall::unknown);
  CHECK(nat_of({a, a, b, c}).firewall() == Firewall::random);
  CHECK(nat_of({a, other, a, other}).firewall() == Firewall::consistent);
  CHECK(nat_of({a, other, a, other}).addresses() == std::vector{a, other});
  CHECK(nat_of({a, a, other, b, c}).firewall() == Firewall::random);
  CHECK(nat_of({a, a, b, d}).is_decided());

  auto few = nat_of({a, a});
  few.conclude();
  CHECK(few.firewall() == Firewall::consistent);
  CHECK(few.addresses() == std::vector{a});
  few = nat_of({a, b});
  few.conclude();
  CHECK(few.firewall() == Firewall::random);
  few = nat_of({a, other});
  few.conclude();
  CHECK(few.firewall() == Firewall::unknown);

  PunchNat nat;
  for (int i = 0; i < 3; ++i) nat.add(a, {9, 1});  // one node has one say
  CHECK(nat.firewall() == Firewall::unknown);
  nat = nat_of({a, a, a});
  nat.freeze();
  for (std::uint16_t node = 20; node < 30; ++node) nat.add({1, node}, {9, node});
  CHECK(nat.addresses() == std::vector{a});
}

TEST_CASE("a hole is punched between all NATs of which one at least keeps its ports") {
  for (const auto client : {NatKind::full, NatKind::port, NatKind::random}) {
    for (const auto server : {NatKind::full, NatKind::port, NatKind::random}) {
      if (client == NatKind::random && server == NatKind::random) continue;
      CAPTURE(static_cast<int>(client));
      CAPTURE(static_cast<int>(server));
      PunchNetwork net(client, server);
      const auto begun = net.now.mono;
      net.begin();
      net.run();
      CHECK_FALSE(net.client->error());
      REQUIRE(net.client->hole().has_value());
      const auto hole = *net.client->hole();
      CHECK(hole.peer.ip == net.server_room.nat.ip());
      CHECK(net.client_room.open.contains(hole.socket));
      // What the client sends there reaches the server, who hears it at an open socket.
      const auto from = net.client_room.nat.out(hole.socket, hole.peer);
      const auto at = net.server_room.nat.in(from, hole.peer.port);
      REQUIRE(at.has_value());
      CHECK(net.server_room.open.contains(*at));
      const bool plain = client != NatKind::random && server != NatKind::random;
      CHECK(net.now.mono - begun < (plain ? 2s : 36s));
    }
  }
}

TEST_CASE("a client that opens its NAT at once needs no second round") {
  PunchNetwork net(NatKind::port, NatKind::port);
  const auto begun = net.now.mono;
  net.begin();
  net.run();
  REQUIRE(net.client->hole().has_value());
  CHECK(net.now.mono - begun < 100ms);
  CHECK_FALSE(net.server->side().is_punching());
}

TEST_CASE("one node on the internet is enough for two NATs that keep their ports") {
  PunchNetwork net(NatKind::port, NatKind::port);
  net.nodes = 1;
  net.begin();
  net.run();
  CHECK(net.client->hole().has_value());
}

TEST_CASE("two NATs that change their ports are told apart from silence, and the peer is told") {
  PunchNetwork net(NatKind::random, NatKind::random);
  net.begin();
  net.run();
  CHECK_FALSE(net.client->hole());
  CHECK(net.client->error() == overlay::Errc::both_nats_random);
  net.relay_is_silent = false;
  for (int i = 0; i < 20; ++i) net.step();
  CHECK(net.server->is_over());
  CHECK(net.client_room.open.size() == 1);  // each NAT was tried anew, with one socket at a time
}

TEST_CASE("a holepunch that cannot be says why") {
  SUBCASE("too few nodes tell what the NAT does") {
    PunchNetwork net(NatKind::port, NatKind::port);
    net.nodes = 0;
    net.begin();
    net.run();
    CHECK((net.client->error() == overlay::Errc::nat_unknown ||
           net.client->error() == overlay::Errc::punch_refused));
  }
  SUBCASE("the relay does not answer") {
    PunchNetwork net(NatKind::port, NatKind::port);
    net.relay_is_silent = true;
    net.begin();
    net.run();
    CHECK(net.client->error() == overlay::Errc::punch_unanswered);
  }
  SUBCASE("no socket is left") {
    PunchNetwork net(NatKind::port, NatKind::port);
    net.client_room.most_sockets = 0;
    net.begin();
    CHECK(net.client->error() == overlay::Errc::too_many_punches);
  }
  SUBCASE("another punch with a random NAT is under way at the client") {
    PunchNetwork net(NatKind::random, NatKind::port);
    net.client_room.has_random_turn = false;
    net.begin();
    net.run();
    CHECK(net.client->error() == overlay::Errc::punch_busy);
  }
  SUBCASE("or at the server") {
    PunchNetwork net(NatKind::random, NatKind::port);
    net.server_room.has_random_turn = false;
    net.begin();
    net.run();
    CHECK(net.client->error() == overlay::Errc::punch_busy);
    CHECK_FALSE(net.server->side().is_punching());
  }
}

TEST_CASE("sockets of a holepunch are closed with it, but the one that a stream stands on") {
  PunchNetwork net(NatKind::random, NatKind::port);
  net.begin();
  net.run();
  REQUIRE(net.client->hole().has_value());
  CHECK(net.client_room.open.size() == kBirthdaySockets);
  const auto socket = net.client->hole()->socket;
  net.client->side().keep(socket);
  CHECK(net.client_room.open == std::set{socket});
  net.server.reset();
  CHECK(net.server_room.open.empty());
}

TEST_CASE("a side sends no more probes than its schedule has") {
  SeededRandom random(1);
  Now now;
  auto schedule =
      PunchSchedule::consistent(now, Role::initiator, 5, {{{1, 10}, true}, {{1, 11}, false}});
  unsigned verified = 0, unverified = 0;
  while (const auto next = schedule.next_timeout()) {
    now.mono = *next;
    schedule.handle_timeout(now, random);
    while (const auto probe = schedule.poll_probe()) {
      CHECK(probe->socket == 5);
      ++(probe->to.port == 10 ? verified : unverified);
    }
  }
  CHECK(verified == kPunchRounds);
  CHECK(unverified == 2);

  auto guesses = PunchSchedule::guessing(now, 5, 1);
  unsigned count = 0;
  now.mono += 1h;  // a night asleep is not caught up
  while (const auto next = guesses.next_timeout()) {
    now.mono = std::max(now.mono, *next);
    guesses.handle_timeout(now, random);
    unsigned at_once = 0;
    while (const auto probe = guesses.poll_probe()) {
      CHECK(probe->to.port >= kFirstGuess);
      ++at_once;
    }
    CHECK(at_once <= 1);
    count += at_once;
  }
  CHECK(count == kRandomProbes);
}
