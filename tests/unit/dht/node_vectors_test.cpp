// A node against datagrams that the stock packages sent: requests, responses, relayed hellos.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "dht/holepunches.hpp"
#include "dht/node.hpp"
#include "dht/payloads.hpp"
#include "dht/signatures.hpp"
#include "dht/token.hpp"
#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;
using test::endpoint_of;
using test::Json;

namespace {

const Now kNow{TimePoint{} + std::chrono::hours(1), UnixMillis{1'700'000'000'000}};

struct Host {
  explicit Host(Endpoint address, bool persistent = true,
                std::optional<std::array<Bytes32, 2>> secrets = std::nullopt)
      : endpoint(address) {
    NodeOptions options;
    options.interfaces = {address.ip};
    options.server_port = address.port;
    options.mode = persistent ? NodeOptions::Mode::persistent : NodeOptions::Mode::ephemeral;
    options.upkeep = false;
    options.token_secrets = secrets;
    node = std::make_unique<Node>(options, arena, random);
    node->start(kNow);
    events();
  }

  void take(Endpoint from, const Bytes& datagram, SocketRole local = SocketRole::server) {
    const auto message = decode_message(datagram);
    REQUIRE(message.has_value());
    node->handle_message(kNow, local, from, *message);
  }
  // All datagrams that it has to send, but those of its own curiosity (internal pings).
  std::vector<std::pair<Endpoint, Bytes>> sent() {
    std::vector<std::pair<Endpoint, Bytes>> out;
    while (auto next = node->poll_message()) {
      const auto* request = std::get_if<Request>(&next->message);
      if (request != nullptr && request->internal) continue;
      out.emplace_back(next->to, encode_message(next->message));
    }
    return out;
  }
  std::vector<Event> events() {
    std::vector<Event> out;
    while (auto event = node->poll_event()) out.push_back(std::move(*event));
    return out;
  }

  Endpoint endpoint;
  ContactArena arena;
  SeededRandom random{1};
  std::unique_ptr<Node> node;
};

// Equal but for the order of the closer nodes, which is ours.
bool same_message(const Bytes& a, const Bytes& b) {
  auto left = decode_message(a);
  auto right = decode_message(b);
  if (!left || !right || a.size() != b.size()) return false;
  for (auto* message : {&*left, &*right}) {
    if (auto* reply = std::get_if<Reply>(message)) {
      std::sort(reply->closer.begin(), reply->closer.end());
    }
  }
  return left == right;
}

// Stores the value of a vector in the node, by a put as the stock client sends it.
void put_immutable(Host& host, Endpoint from, const Bytes& value, const Bytes32& token) {
  Request put;
  put.to = host.endpoint;
  put.command = static_cast<std::uint64_t>(Command::immutable_put);
  put.target = target_of_value(value);
  put.token = token;
  put.value = value;
  host.node->handle_message(kNow, SocketRole::server, from, put);
  host.sent();
}

}  // namespace

TEST_CASE("a node answers requests with the bytes of the stock node") {
  const auto all = test::load_vectors("dht/responses.json");
  const std::array secrets = {test::hex32(all["secrets"]["previous"]),
                              test::hex32(all["secrets"]["current"])};
  std::vector<Contact> table;
  for (const auto& item : all["table"]) table.push_back(contact_of(endpoint_of(item)));
  std::size_t compared = 0;
  for (const auto& item : all["responses"]) {
    const auto what = item["what"].get<std::string>();
    CAPTURE(what);
    // These two show an encoding by commands that no node serves in this form.
    if (what.find("answer without token") == 0 || what.find("mutable put refused") == 0) continue;
    Host host(endpoint_of(all["self"]), item["persistent"].get<bool>(), secrets);
    if (what.find("empty table") == std::string::npos && what.find("ping") == std::string::npos) {
      host.node->assume(kNow, table);
    }
    const auto from = endpoint_of(item["requestFrom"]);
    const auto role = item["receivedOn"] == "client" ? SocketRole::client : SocketRole::server;
    const auto request = test::hex(item["request"]);
    auto expected = test::hex(item["hex"]);
    if (what == "query answer with a value") {
      // The vector's value does not hash to its target; ours must. All other bytes stay.
      const auto value = std::get<Reply>(*decode_message(expected)).value.value();
      put_immutable(host, from, value, make_token(secrets[1], from.ip));
      auto ask = std::get<Request>(*decode_message(request));
      ask.target = target_of_value(value);
      host.node->handle_message(kNow, role, from, ask);
    } else {
      host.take(from, request, role);
    }
    const auto sent = host.sent();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].first == endpoint_of(item["sentTo"]));
    CHECK(same_message(sent[0].second, expected));
    ++compared;
  }
  CHECK(compared == 10);
}

TEST_CASE("a node's own requests have the bytes of the stock node's, but for the tid") {
  const auto all = test::load_vectors("dht/requests.json");
  for (const auto& item : all["requests"]) {
    CAPTURE(item["what"].get<std::string>());
    if (item["persistent"] == true && item["socket"] == "client") continue;
    Host host(endpoint_of(all["selfAddress"]), item["persistent"].get<bool>());
    Node::RawRequest raw;
    raw.internal = item["internal"].get<bool>();
    raw.command = item["command"].get<std::uint64_t>();
    if (!item["target"].is_null()) raw.target = test::hex32(item["target"]);
    if (!item["token"].is_null()) raw.token = test::hex32(item["token"]);
    if (!item["value"].is_null()) raw.value = test::hex(item["value"]);
    host.node->request(kNow, endpoint_of(item["to"]), raw);
    auto out = host.node->poll_message();
    REQUIRE(out.has_value());
    std::get<Request>(out->message).tid = item["tid"].get<Tid>();
    CHECK(encode_message(out->message) == test::hex(item["hex"]));
  }
}

namespace {

// The hosts of the relayed flows. The relays know the way to the server, which announced itself.
struct Flows {
  explicit Flows(const Json& all)
      : target(test::hex32(all["target"])),
        relay(endpoint_of(all["hosts"]["relay"])),
        relay2(endpoint_of(all["hosts"]["relay2"])) {}

  void announce_server(Host& at, Endpoint server) {
    const auto key = key_of_server();
    Request ask;
    ask.to = at.endpoint;
    ask.command = static_cast<std::uint64_t>(Command::find_peer);
    ask.target = target;
    at.node->handle_message(kNow, SocketRole::server, server, ask);
    auto reply = at.node->poll_message();
    while (reply && !std::holds_alternative<Reply>(reply->message)) reply = at.node->poll_message();
    REQUIRE(reply.has_value());
    const auto token = std::get<Reply>(reply->message).token.value();
    const AnnounceScope scope{target, node_id_of(at.endpoint), token};
    ask.command = static_cast<std::uint64_t>(Command::announce);
    ask.token = token;
    ask.value = encode_announce(sign_announce(scope, {key.public_key, {}}, key));
    at.node->handle_message(kNow, SocketRole::server, server, ask);
    at.sent();
  }
  KeyPair key_of_server() const;

  Target target;
  Host relay;
  Host relay2;
};

// The key pair behind the target of the flows: the responder of the first Noise transcript.
KeyPair Flows::key_of_server() const {
  for (const auto& transcript : test::load_vectors("dht/noise-ik.json", "transcripts")) {
    const auto key = make_key_pair(test::hex32(transcript["server"]["seed"]));
    if (target_of_key(key.public_key) == target) return key;
  }
  FAIL("no key pair for the target of the flows");
  return {};
}

}  // namespace

TEST_CASE("relays pass hellos and holepunch messages on with the bytes of stock relays") {
  const auto all = test::load_vectors("dht/relayed-flows.json");
  const auto server = endpoint_of(all["hosts"]["server"]);
  for (const auto& flow : all["flows"]) {
    const auto what = flow["what"].get<std::string>();
    CAPTURE(what);
    Flows hosts(all);
    if (what.find("knows no relay") == std::string::npos) {
      hosts.announce_server(hosts.relay, server);
      hosts.announce_server(hosts.relay2, server);
    }
    const auto& datagrams = flow["datagrams"];
    for (std::size_t i = 0; i + 1 < datagrams.size(); ++i) {
      const auto to = endpoint_of(datagrams[i]["toAddress"]);
      Host* host = to == hosts.relay.endpoint    ? &hosts.relay
                   : to == hosts.relay2.endpoint ? &hosts.relay2
                                                 : nullptr;
      if (host == nullptr) continue;
      host->take(endpoint_of(datagrams[i]["fromAddress"]), test::hex(datagrams[i]["hex"]));
      const auto sent = host->sent();
      REQUIRE(sent.size() == 1);
      CHECK(sent[0].first == endpoint_of(datagrams[i + 1]["toAddress"]));
      CHECK(sent[0].second == test::hex(datagrams[i + 1]["hex"]));
    }
  }
}

TEST_CASE("a listening node answers relayed and direct hellos with the bytes of a stock server") {
  const auto all = test::load_vectors("dht/relayed-flows.json");
  const auto server = endpoint_of(all["hosts"]["server"]);
  const Flows hosts(all);
  std::size_t answered = 0;
  for (const auto& flow : all["flows"]) {
    const auto& datagrams = flow["datagrams"];
    if (flow["what"].get<std::string>().find("hello") != 0) continue;
    for (std::size_t i = 0; i + 1 < datagrams.size(); ++i) {
      if (endpoint_of(datagrams[i]["toAddress"]) != server) continue;
      CAPTURE(flow["what"].get<std::string>());
      Host host(server, false);
      host.node->listen(hosts.key_of_server().public_key);
      host.take(endpoint_of(datagrams[i]["fromAddress"]), test::hex(datagrams[i]["hex"]));
      const auto events = host.events();
      REQUIRE(events.size() == 1);
      const auto& received = std::get<HelloReceived>(events[0]);
      CHECK(received.client == endpoint_of(all["hosts"]["client"]));
      const auto answer = decode_handshake(test::hex(flow["answerValue"]));
      host.node->answer_hello(kNow, received.ticket, answer->noise);
      const auto sent = host.sent();
      REQUIRE(sent.size() == 1);
      CHECK(sent[0].first == endpoint_of(datagrams[i + 1]["toAddress"]));
      CHECK(sent[0].second == test::hex(datagrams[i + 1]["hex"]));
      ++answered;
    }
  }
  CHECK(answered == 3);
}

namespace {

Json holepunch_flow(const Json& all) {
  for (const auto& flow : all["flows"]) {
    if (flow["what"].get<std::string>().find("holepunch") == 0) return flow["datagrams"];
  }
  FAIL("no flow of a holepunch message");
  return {};
}

constexpr auto kPunchSocket = static_cast<SocketRole>(7);

}  // namespace

TEST_CASE("a holepunch message for a listening node is handed up, and its answer is the stock's") {
  const auto all = test::load_vectors("dht/relayed-flows.json");
  const Flows hosts(all);
  const auto datagrams = holepunch_flow(all);
  Host host(endpoint_of(all["hosts"]["server"]), false);
  const auto take = [&] {
    host.take(endpoint_of(datagrams[1]["fromAddress"]), test::hex(datagrams[1]["hex"]));
    return host.events();
  };
  CHECK(take().empty());  // nobody listens
  host.node->listen(hosts.key_of_server().public_key);
  const auto events = take();
  REQUIRE(events.size() == 1);
  const auto& received = std::get<HolepunchReceived>(events[0]);
  CHECK(received.id == 0);
  CHECK(received.own_address == host.endpoint);
  CHECK(received.ticket.peer_address == endpoint_of(all["hosts"]["client"]));
  host.node->holepunches().answer(kPunchSocket, received.ticket, received.sealed);
  auto out = host.node->poll_message();
  while (out && out->socket != kPunchSocket) out = host.node->poll_message();  // pings the relay
  REQUIRE(out.has_value());
  CHECK(out->to == endpoint_of(datagrams[2]["toAddress"]));
  CHECK(encode_message(out->message) == test::hex(datagrams[2]["hex"]));
}

TEST_CASE("a holepunch message of ours, and its answer, have the bytes of the stock client's") {
  const auto all = test::load_vectors("dht/relayed-flows.json");
  const Flows hosts(all);
  const auto datagrams = holepunch_flow(all);
  Host client(endpoint_of(all["hosts"]["client"]), false);
  const auto wanted = std::get<Request>(*decode_message(test::hex(datagrams[0]["hex"])));
  const auto value = decode_holepunch(*wanted.value);
  const auto relay = endpoint_of(datagrams[0]["toAddress"]);
  const auto request = client.node->holepunches().send(
      kNow, kPunchSocket, relay, {hosts.target, value->id, *value->peer_address, value->payload});
  auto out = client.node->poll_message();
  REQUIRE(out.has_value());
  CHECK(out->socket == kPunchSocket);
  const auto tid = std::exchange(std::get<Request>(out->message).tid, wanted.tid);
  CHECK(encode_message(out->message) == test::hex(datagrams[0]["hex"]));

  auto reply = *decode_message(test::hex(datagrams[3]["hex"]));
  std::get<Reply>(reply).tid = tid;
  client.node->handle_message(kNow, kPunchSocket, relay, reply);
  const auto events = client.events();
  REQUIRE_FALSE(events.empty());
  const auto& got = std::get<HolepunchReply>(events.front());
  CHECK(got.request == request);
  CHECK(got.peer == endpoint_of(all["hosts"]["server"]));
  CHECK(got.own_address == client.endpoint);
  CHECK(got.sealed == value->payload);
  CHECK_FALSE(client.node->address(Realm::public_network).has_value());
}

TEST_CASE("a holepunch message that nobody answers fails, and so does one to this very node") {
  Host client({0x0a00000a, 1010}, false);
  const auto request = client.node->holepunches().send(kNow, kPunchSocket, {0x0a000014, 2020}, {});
  auto now = kNow;
  std::vector<Event> events;
  while (events.empty() && client.node->next_timeout()) {
    now.mono = *client.node->next_timeout();
    client.node->handle_timeout(now);
    events = client.events();
  }
  REQUIRE(events.size() == 1);
  CHECK(std::get<HolepunchFailed>(events[0]).request == request);
  CHECK(std::get<HolepunchFailed>(events[0]).error == dht::Errc::request_timeout);

  client.node->holepunches().send(now, kPunchSocket, {0, 0}, {});
  events = client.events();
  REQUIRE(events.size() == 1);
  CHECK(std::get<HolepunchFailed>(events[0]).error == dht::Errc::not_a_relay);
}

TEST_CASE("a client sends a hello, and reads its answer, as the stock client does") {
  const auto all = test::load_vectors("dht/relayed-flows.json");
  const Flows hosts(all);
  for (const auto& flow : all["flows"]) {
    if (flow["what"].get<std::string>().find("hello") != 0) continue;
    CAPTURE(flow["what"].get<std::string>());
    Host client(endpoint_of(all["hosts"]["client"]), false);
    const auto& first = flow["datagrams"].front();
    const auto& last = flow["datagrams"].back();
    const auto wanted = std::get<Request>(*decode_message(test::hex(first["hex"])));
    auto message1 = decode_handshake(*wanted.value);
    const auto to = endpoint_of(first["toAddress"]);
    client.node->send_hello(kNow, to, hosts.target, message1->noise, message1->relay_address);
    auto out = client.node->poll_message();
    REQUIRE(out.has_value());
    CHECK(out->to == to);
    const auto tid = std::exchange(std::get<Request>(out->message).tid, wanted.tid);
    CHECK(encode_message(out->message) == test::hex(first["hex"]));

    auto reply = *decode_message(test::hex(last["hex"]));
    std::get<Reply>(reply).tid = tid;
    client.node->handle_message(kNow, SocketRole::server, to, reply);
    const auto events = client.events();
    REQUIRE_FALSE(events.empty());
    if (flow["answerValue"].is_null()) {
      CHECK(std::get<HelloFailed>(events.back()).error == dht::Errc::not_a_relay);
      continue;
    }
    const auto answer = decode_handshake(test::hex(flow["answerValue"]));
    const auto& got = std::get<HelloReply>(events.back());
    CHECK(got.noise == answer->noise);
    CHECK(got.server == answer->peer_address);
    CHECK(got.own_address == client.endpoint);
  }
}
