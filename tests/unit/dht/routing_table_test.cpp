#include "dht/routing_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;
using Outcome = RoutingTable::Outcome;

namespace {

constexpr Tick kNow = 1000;
const NodeId kOwn{};  // all bits clear: the bucket of an id is the place of its first set bit

Endpoint local_at(std::uint32_t i) { return {0x7f000001, static_cast<std::uint16_t>(i)}; }

// A contact in the given bucket, whose id is not that of its endpoint: tables do not hash.
Contact in_bucket(std::size_t bucket, std::uint32_t number, Endpoint endpoint) {
  Contact contact{NodeId{}, endpoint};
  contact.id.bytes[bucket / 8] = static_cast<std::uint8_t>(0x80 >> bucket % 8);
  contact.id.bytes[30] = static_cast<std::uint8_t>(number >> 8);
  contact.id.bytes[31] = static_cast<std::uint8_t>(number);
  return contact;
}
Contact in_bucket(std::size_t bucket, std::uint32_t number) {
  return in_bucket(bucket, number, local_at(1000 * static_cast<std::uint32_t>(bucket) + number));
}

void fill_bucket(RoutingTable& table, std::size_t bucket, Tick now = kNow) {
  for (std::uint32_t i = 0; i < 20; ++i) {
    REQUIRE(table.heard(now, in_bucket(bucket, i)).outcome == Outcome::added);
  }
}

std::vector<Contact> sorted_by_distance(std::vector<Contact> contacts, const Target& target) {
  std::sort(contacts.begin(), contacts.end(),
            [&](const Contact& a, const Contact& b) { return CloserTo(target)(a.id, b.id); });
  return contacts;
}

}  // namespace

TEST_CASE("buckets fill as in the stock table and closest() is the truth") {
  const auto vectors = test::load_vectors("dht/routing-table.json");
  ContactArena arena;
  const auto self = contact_of(test::endpoint_of(vectors.at("self")));
  CHECK(self.id.bytes == test::hex32(vectors.at("self").at("id")));
  RoutingTable table(self.id, arena);
  for (const auto& add : vectors.at("adds")) {
    const auto contact = contact_of({self.endpoint.ip, add.at("port").get<std::uint16_t>()});
    CHECK(table.bucket_of(contact.id) == add.at("bucket").get<std::size_t>());
    const bool added = table.heard(kNow, contact).outcome == Outcome::added;
    CHECK(added == add.at("added").get<bool>());
  }
  for (const auto& vector : vectors.at("closest")) {
    std::vector<std::uint16_t> ports;
    for (const auto& contact : table.closest(test::hex32(vector.at("target")), 20)) {
      ports.push_back(contact.endpoint.port);
    }
    CHECK(ports == vector.at("trulyClosestPorts").get<std::vector<std::uint16_t>>());
  }
}

TEST_CASE("closest() agrees with sorting everything") {
  SeededRandom random(5);
  for (int round = 0; round < 60; ++round) {
    ContactArena arena;
    const NodeId own{random.bytes<32>()};
    const std::uint8_t k = std::array<std::uint8_t, 5>{20, 20, 3, 30, 255}[round % 5u];
    RoutingTable table(own, arena, {.k = k});
    std::vector<Contact> members;
    const auto wanted = random.below(400);
    for (std::uint32_t i = 0; i < wanted; ++i) {
      Contact contact{{random.bytes<32>()}, local_at(i)};
      // Half of them near our id, to fill deep buckets.
      if (i % 2 == 0) std::copy_n(own.bytes.begin(), random.below(4), contact.id.bytes.begin());
      if (table.heard(kNow, contact).outcome == Outcome::added) members.push_back(contact);
    }
    CHECK(table.size() == members.size());
    Target target = random.bytes<32>();
    if (round % 3 == 0) std::copy_n(own.bytes.begin(), 2, target.begin());
    const std::size_t count = random.below(2 * k + 5u);
    auto expected = sorted_by_distance(members, target);
    expected.resize(std::min(expected.size(), count));
    CHECK(table.closest(target, count) == expected);
  }
}

TEST_CASE("what a requester is told fits its realm and leaves out itself") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  const Endpoint loopback = local_at(1);
  const Endpoint local{0xc0a80001, 1};
  const Endpoint world{0x09090909, 1};
  table.heard(kNow, in_bucket(0, 1, loopback));
  table.heard(kNow, in_bucket(0, 2, local));
  table.heard(kNow, in_bucket(0, 3, world));
  const Target target{};
  CHECK(table.closest_for(local_at(9), target, 20) ==
        std::vector<Endpoint>{loopback, local, world});
  CHECK(table.closest_for({0xc0a80002, 1}, target, 20) == std::vector<Endpoint>{local, world});
  CHECK(table.closest_for({0x08080808, 1}, target, 20) == std::vector<Endpoint>{world});
  CHECK(table.closest_for(local, target, 20) == std::vector<Endpoint>{world});
  CHECK(table.closest_for(local_at(9), target, 2) == std::vector<Endpoint>{loopback, local});
  // The next one comes in its place.
  CHECK(table.closest_for(loopback, target, 2) == std::vector<Endpoint>{local, world});
}

TEST_CASE("a contact heard of again keeps its place and is marked") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  const auto contact = in_bucket(3, 1);
  CHECK(table.heard(10, contact).outcome == Outcome::added);
  CHECK(table.heard(14, contact).outcome == Outcome::refreshed);
  const auto member = table.member(contact.id);
  REQUIRE(member);
  CHECK(member->contact == contact);
  CHECK(member->added == 10);
  CHECK(member->seen == 14);
  CHECK(member->pinged == 14);
  CHECK(table.size() == 1);
  CHECK(arena.references(arena.find(contact.endpoint)) == 1);
}

TEST_CASE("only a member can be refreshed") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  const auto contact = in_bucket(3, 1);
  CHECK_FALSE(table.refresh(10, contact.id));
  CHECK(table.empty());
  table.heard(10, contact);
  CHECK(table.refresh(12, contact.id));
  CHECK(table.member(contact.id)->seen == 12);
  CHECK(table.member(contact.id)->added == 10);
}

TEST_CASE("members whose ids differ only far behind their bucket are told apart and sorted") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  // The 16 bits that a slot holds are the same for all of them.
  std::vector<Contact> alike;
  for (std::uint8_t i = 0; i < 12; ++i) {
    Contact contact = in_bucket(2, 1);
    contact.id.bytes[20] = static_cast<std::uint8_t>(7 * i);
    contact.endpoint.port = static_cast<std::uint16_t>(1000 + i);
    alike.push_back(contact);
    REQUIRE(table.heard(10, contact).outcome == Outcome::added);
  }
  for (const auto& contact : alike) CHECK(table.member(contact.id)->contact == contact);
  Target target = alike[5].id.bytes;
  target[20] ^= 0x1e;
  auto sorted = alike;
  std::sort(sorted.begin(), sorted.end(), [&](const Contact& a, const Contact& b) {
    return compare_distance(target, a.id.bytes, b.id.bytes) < 0;
  });
  CHECK(table.closest(target, 20) == sorted);
  CHECK(table.remove(alike[7].id));
  CHECK_FALSE(table.contains(alike[7].id));
  CHECK(table.size() == 11);
}

TEST_CASE("our own id never enters") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  CHECK(table.heard(kNow, {kOwn, local_at(1)}).outcome == Outcome::own_id);
  CHECK(arena.size() == 0);
}

TEST_CASE("in a full bucket the member pinged longest ago must answer") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  fill_bucket(table, 2);
  for (std::uint32_t i = 0; i < 20; ++i) {
    if (i != 7 && i != 9) table.heard(kNow + 1, in_bucket(2, i));
  }
  const auto heard = table.heard(kNow + 2, in_bucket(2, 50));
  CHECK(heard.outcome == Outcome::bucket_full);
  CHECK(heard.candidate == in_bucket(2, 7));
  CHECK_FALSE(table.contains(in_bucket(2, 50).id));

  table.mark_pinged(kNow + 2, in_bucket(2, 7).id);
  CHECK(table.heard(kNow + 2, in_bucket(2, 50)).candidate == in_bucket(2, 9));
}

TEST_CASE("nobody is asked for when all of a full bucket were pinged in this tick") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  fill_bucket(table, 2);
  CHECK_FALSE(table.heard(kNow, in_bucket(2, 50)).candidate);
  CHECK(table.heard(kNow + 1, in_bucket(2, 50)).candidate);
}

TEST_CASE("a member of long standing that was heard of lately keeps its place unasked") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  fill_bucket(table, 2);
  const Tick later = kNow + kOldTicks + 1;
  for (std::uint32_t i = 0; i < 20; ++i) table.heard(later, in_bucket(2, i));
  CHECK_FALSE(table.heard(later + kRecentTicks - 1, in_bucket(2, 50)).candidate);
  CHECK(table.heard(later + kRecentTicks, in_bucket(2, 50)).candidate);
}

TEST_CASE("a newcomer takes the place of a member that did not answer") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  fill_bucket(table, 2);
  const auto old = in_bucket(2, 4);
  const auto newcomer = in_bucket(2, 50);
  CHECK(table.replace(kNow + 1, old.id, newcomer) == Outcome::added);
  CHECK_FALSE(table.contains(old.id));
  CHECK(table.contains(newcomer.id));
  CHECK(table.bucket_size(2) == 20);
  CHECK(arena.find(old.endpoint) == kNoContact);
}

TEST_CASE("a bucket takes two contacts of one IP and four of one /24") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  const std::uint32_t net = 0x09090900;
  const auto add = [&](std::uint32_t number, std::uint32_t ip) {
    const Endpoint endpoint{ip, static_cast<std::uint16_t>(number)};
    return table.heard(kNow, in_bucket(1, number, endpoint)).outcome;
  };
  CHECK(add(1, net + 1) == Outcome::added);
  CHECK(add(2, net + 1) == Outcome::added);
  CHECK(add(3, net + 1) == Outcome::too_many_of_network);
  CHECK(add(4, net + 2) == Outcome::added);
  CHECK(add(5, net + 3) == Outcome::added);
  CHECK(add(6, net + 4) == Outcome::too_many_of_network);
  CHECK(add(7, net + 0x100) == Outcome::added);
  const Endpoint same_ip{net + 1, 8};
  CHECK(table.heard(kNow, in_bucket(2, 8, same_ip)).outcome == Outcome::added);
}

TEST_CASE("local addresses and a table without caps are not limited") {
  ContactArena arena;
  RoutingTable local(kOwn, arena);
  fill_bucket(local, 1);

  RoutingTable open(kOwn, arena, {.k = 20, .max_per_ip = 0, .max_per_subnet24 = 0});
  for (std::uint16_t i = 0; i < 20; ++i) {
    CHECK(open.heard(kNow, in_bucket(1, i, {0x09090909, i})).outcome == Outcome::added);
  }
}

TEST_CASE("would_add() and candidate() say what heard() does and change nothing") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  CHECK(table.would_add(in_bucket(2, 1)) == Outcome::added);
  CHECK(table.empty());
  fill_bucket(table, 2, kNow - 1);
  const auto newcomer = in_bucket(2, 50);
  CHECK(table.would_add(newcomer) == Outcome::bucket_full);
  const auto candidate = table.candidate(kNow, newcomer.id);
  REQUIRE(candidate);
  CHECK(table.heard(kNow, newcomer).candidate == candidate);
  CHECK(table.size() == 20);
}

TEST_CASE("a full arena is said") {
  ContactArena arena(1);
  RoutingTable table(kOwn, arena);
  CHECK(table.heard(kNow, in_bucket(2, 1)).outcome == Outcome::added);
  CHECK(table.heard(kNow, in_bucket(2, 2)).outcome == Outcome::arena_full);
  CHECK(table.size() == 1);
}

TEST_CASE("a down hint asks for one check per tick") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  const auto contact = in_bucket(2, 1);
  CHECK_FALSE(table.take_down_hint(kNow, contact.id));
  table.heard(kNow, contact);
  CHECK(table.take_down_hint(kNow, contact.id));
  CHECK_FALSE(table.take_down_hint(kNow, contact.id));
  CHECK(table.take_down_hint(kNow + 1, contact.id));
  CHECK(table.member(contact.id)->hints == 2);
  table.heard(kNow + 1, contact);
  CHECK(table.member(contact.id)->hints == 0);
}

TEST_CASE("oldest and latest go by the time last heard of") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  for (std::uint32_t i = 0; i < 10; ++i) table.heard(100 + (i * 7) % 10, in_bucket(i, i));
  Tick last = 0;
  for (const auto& member : table.oldest(10)) {
    CHECK(member.seen > last);
    last = member.seen;
  }
  CHECK(last == 109);
  CHECK(table.oldest(1)[0].seen == 100);
  CHECK(table.latest(2)[1].seen == 108);
  CHECK(table.latest(50).size() == 10);
}

TEST_CASE("moving to another id puts members in again, the oldest first") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  fill_bucket(table, 2, 100);
  fill_bucket(table, 1, 200);
  NodeId far;
  far.bytes.fill(0xff);
  table.set_id(far);  // both buckets are bucket 0 now
  CHECK(table.size() == 20);
  CHECK(table.bucket_size(0) == 20);
  CHECK(table.member(in_bucket(2, 3).id)->added == 100);
  CHECK_FALSE(table.contains(in_bucket(1, 3).id));
  CHECK(arena.size() == 20);
}

TEST_CASE("a table gives its contacts back") {
  ContactArena arena;
  {
    RoutingTable table(kOwn, arena);
    fill_bucket(table, 1);
    RoutingTable moved(std::move(table));
    RoutingTable target(kOwn, arena);
    fill_bucket(target, 3);
    target = std::move(moved);
    CHECK(target.size() == 20);
    CHECK(target.remove(in_bucket(1, 5).id));
    CHECK_FALSE(target.remove(in_bucket(1, 5).id));
    CHECK(arena.size() == 19);
  }
  CHECK(arena.size() == 0);
}

TEST_CASE("ages stay right for months and saturate beyond 45 hours") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  const auto contact = in_bucket(2, 1);
  const auto witness = in_bucket(3, 1);
  table.heard(5, contact);
  Tick now = 5;
  for (int i = 0; i < 3000; ++i) {
    now += 700;
    table.heard(now, witness);
  }
  const auto member = table.member(contact.id);
  REQUIRE(member);
  CHECK(member->seen < now - 0x7000);
  CHECK(member->seen >= 5);
  CHECK(table.member(witness.id)->seen == now);
  CHECK(table.oldest(1)[0].contact == contact);
}

TEST_CASE("a full table of a large network is small") {
  ContactArena arena;
  RoutingTable table(kOwn, arena);
  for (std::size_t bucket = 0; bucket < 16; ++bucket) fill_bucket(table, bucket);
  for (std::uint32_t i = 0; i < 10; ++i) table.heard(kNow, in_bucket(17, i));
  CHECK(table.size() == 330);
  CHECK(table.memory_bytes() < 5600);
}

TEST_CASE("slots, buckets and references stay in order through random changes") {
  ContactArena arena;
  SeededRandom random(17);
  RoutingTable table({random.bytes<32>()}, arena, {.k = 8, .max_per_ip = 2, .max_per_subnet24 = 4});
  for (int step = 0; step < 20'000; ++step) {
    const auto ip = 0x09000000 + static_cast<std::uint32_t>(random.below(4000));
    const auto contact = contact_of({ip, static_cast<std::uint16_t>(1 + random.below(3))});
    switch (random.below(8)) {
      case 0:
        table.remove(contact.id);
        break;
      case 1:
        if (const auto old = table.random_member(random)) {
          table.replace(static_cast<Tick>(step), old->id, contact);
        }
        break;
      case 2:
        if (step % 500 == 0) table.set_id({random.bytes<32>()});
        break;
      default:
        table.heard(static_cast<Tick>(step), contact);
    }
  }
  std::size_t total = 0;
  const auto members = table.members();
  for (std::size_t bucket = 0; bucket < table.bucket_count(); ++bucket) {
    const std::size_t n = table.bucket_size(bucket);
    CHECK(n <= 8);
    for (std::size_t i = total; i < total + n; ++i) {
      CHECK(table.bucket_of(members[i].contact.id) == bucket);
      if (i > total) CHECK(members[i - 1].contact.id < members[i].contact.id);
      CHECK(arena.references(arena.find(members[i].contact.endpoint)) == 1);
    }
    total += n;
  }
  CHECK(total == table.size());
  CHECK(arena.size() == table.size());
}
