// Where stock nodes fall short without anybody attacking. These counter-measures have no switch,
// since they are how the code works; each test says what would be seen without them.

#include <algorithm>

#include "dht/payloads.hpp"
#include "dht/query.hpp"
#include "dht/record_change.hpp"
#include "dht/routing_table.hpp"
#include "dht/signatures.hpp"
#include "tests/abuse/both_ways.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

void sort_towards(const Target& target, std::vector<Endpoint>& endpoints) {
  std::vector<Contact> contacts;
  for (const auto endpoint : endpoints) contacts.push_back(contact_of(endpoint));
  std::ranges::sort(contacts, CloserTo(target), &Contact::id);
  endpoints = endpoints_of(contacts);
}

// Asks host 0 as a stranger, and gives what it says.
std::vector<Endpoint> closer_nodes(TestNetwork& net, const Target& target) {
  const Endpoint stranger{TestNetwork::kLoopback, 7777};
  std::vector<Endpoint> out;
  net.filter = [&](const TestNetwork::Packet& packet) {
    const auto* reply = std::get_if<Reply>(&packet.message);
    if (reply != nullptr && packet.to == stranger) out = reply->closer;
    return true;
  };
  auto request = request_of(InternalCommand::find_node);
  request.to = net.host(0).server;
  request.target = target;
  net.inject(stranger, net.host(0).server, request);
  net.run(milliseconds(50));
  net.filter = nullptr;
  return out;
}

// The relays of a peer under a topic, as another node finds them.
std::vector<Endpoint> relays_found(TestNetwork& net, std::size_t from, const Target& topic) {
  const auto lookup = net.act(from, [&](Node& node) { return node.lookup(net.now(), topic); });
  REQUIRE(net.wait_done(from, lookup));
  std::vector<Endpoint> out;
  for (const auto& reply : net.events_of<QueryReply>(from)) {
    if (reply.query != lookup) continue;
    const auto found = decode_lookup_reply(reply.value);
    REQUIRE(found);
    for (const auto& peer : found->peers) {
      out.insert(out.end(), peer.relay_addresses.begin(), peer.relay_addresses.end());
    }
  }
  return out;
}

}  // namespace

// Weakness 5. Stock answers 20 of the bucket and its neighbours, unsorted.
TEST_CASE("an answer names the 20 closest of the table, closest first") {
  TestNetwork net;
  net.add_many(60);
  net.run(minutes(1));
  for (std::uint8_t i = 0; i < 10; ++i) {
    const auto target = target_of(i);
    std::vector<Endpoint> members;
    for (const auto& member : net.node(0).table().members()) {
      members.push_back(member.contact.endpoint);
    }
    REQUIRE(members.size() > 20);
    sort_towards(target, members);
    members.resize(20);
    CHECK(closer_nodes(net, target) == members);
  }
}

// Weakness 5. Stock stops reading at the first contact that is too far, and asks the last one
// first.
TEST_CASE("a walk reads on behind a contact that is too far, and asks the closest first") {
  SeededRandom random{3};
  ContactArena nodes;
  std::vector<Endpoint> all;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    all.push_back({0x0a000000 + i, 4000});
    REQUIRE(nodes.acquire(all.back()) != kNoContact);
  }
  // Everybody knows its neighbours and some others, and names the farthest first.
  const auto answer = [&](Endpoint from, const Target& target) {
    std::vector<Endpoint> known = all;
    sort_towards(nodes.id_of(from).bytes, known);
    for (std::size_t i = 30; i < 90; ++i) known[i] = all[random.below(all.size())];
    known.resize(90);
    sort_towards(target, known);
    known.resize(20);
    std::reverse(known.begin(), known.end());
    return known;
  };
  for (std::uint8_t i = 0; i < 10; ++i) {
    const auto target = target_of(i);
    Query walk{target, {.k = 4, .alpha = 1}};
    walk.add({nodes.id_of(all[i]), all[i]});
    while (const auto next = walk.poll_request()) {
      const auto closer = answer(next->endpoint, target);
      walk.handle_answer(*next, {.closer = closer}, nodes);
    }
    auto closest = all;
    sort_towards(target, closest);
    Query behind{target, {.k = 1, .alpha = 1}};
    behind.add({nodes.id_of(closest[500]), closest[500]});
    const auto asked = behind.poll_request();
    REQUIRE(asked);
    const std::vector<Endpoint> named{closest[900], closest[0]};
    behind.handle_answer(*asked, {.closer = named}, nodes);
    CHECK(behind.poll_request() == contact_of(closest[0]));

    closest.resize(4);
    CHECK(endpoints_of(walk.closest()) == closest);
    CHECK(walk.requests() < 16);
  }
}

// Weakness 6. Stock serves its queue every 750 ms.
TEST_CASE("requests that wait for room leave as soon as answers come") {
  TestNetwork net;
  net.add_many(2);
  net.run(seconds(10));
  constexpr int kMany = 500;
  for (int i = 0; i < kMany; ++i) {
    net.act(1, [&](Node& node) { return node.ping(net.now(), net.host(0).server); });
  }
  net.run(milliseconds(600));
  const auto done = net.events_of<RequestDone>(1);
  CHECK(done.size() == kMany);
  CHECK(std::ranges::none_of(done, [](const auto& it) { return it.error.value() != 0; }));
}

// Weakness 11. Stock keeps a fresh record as it is.
TEST_CASE("who announces again from elsewhere is found there at once") {
  TestNetwork net;
  net.add_many(30);
  net.run(minutes(1));
  const auto topic = target_of(9);
  const Endpoint before{TestNetwork::kLoopback, 3001}, after{TestNetwork::kLoopback, 3002};
  for (const auto relay : {before, after}) {
    const auto announce = net.act(
        4, [&](Node& node) { return node.announce(net.now(), topic, key_pair(1), {relay}); });
    REQUIRE(net.wait_done(4, announce));
  }
  const auto found = relays_found(net, 21, topic);
  CHECK(found.size() >= 20);
  CHECK(std::ranges::count(found, before) == 0);
}

// Weakness 12. The stock API reports success.
TEST_CASE("a put that every node refused is an error, and each refusal is told") {
  TestNetwork net;
  net.add_many(30);
  net.run(minutes(1));
  const auto put = [&](std::size_t from, std::uint64_t seq) {
    const auto query = net.act(from, [&](Node& node) {
      return *node.put_mutable(net.now(), key_pair(2), seq, Bytes{static_cast<std::uint8_t>(seq)});
    });
    const auto* done = net.wait_done(from, query);
    REQUIRE(done);
    return *done;
  };
  const auto first = put(3, 5);
  CHECK_FALSE(first.error);
  CHECK(first.stored.size() >= 20);
  const auto old = put(17, 4);
  CHECK(old.error == dht::Errc::not_stored);
  CHECK(old.stored.size() >= 20);
  for (const auto& answer : old.stored) CHECK(answer.error != 0);
}

// Weakness 14. A stock node that starts again has lost what it stored.
TEST_CASE("a value outlives the restart of a whole network by the copy of one node") {
  TestNetwork net;
  NodeOptions options;
  options.tell_record_changes = true;
  net.add_many(12, options);
  net.run(minutes(1));
  const Bytes value{1, 2, 3};
  const auto put = net.act(5, [&](Node& node) { return *node.put_immutable(net.now(), value); });
  REQUIRE(net.wait_done(5, put));
  std::vector<RecordChange> disk;
  while (const auto change = net.node(0).poll_record_change()) disk.push_back(*change);
  REQUIRE_FALSE(disk.empty());

  TestNetwork later;
  later.add_many(12);
  later.run(minutes(1));
  const auto found = [&] {
    const auto get = later.act(
        5, [&](Node& node) { return node.get_immutable(later.now(), target_of_value(value)); });
    REQUIRE(later.wait_done(5, get));
    const auto replies = later.events_of<QueryReply>(5);
    return std::ranges::any_of(
        replies, [&](const auto& reply) { return reply.query == get && reply.value == value; });
  };
  CHECK_FALSE(found());
  later.node(0).restore_records(later.now(), disk);
  CHECK(found());
}
