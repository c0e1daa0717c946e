#include "overlay/punch/punches.hpp"

#include <algorithm>
#include <utility>

#include "base/machine.hpp"
#include "dht/holepunches.hpp"
#include "dht/node.hpp"
#include "dht/routing_table.hpp"
#include "overlay/errors.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::overlay {
namespace {

// The nodes heard of last are asked by everything else as well, and are left out where there are
// enough.
constexpr std::size_t kLatestLeftOut = 5;
constexpr std::size_t kEnoughNodes = 8;

dht::SocketRole role_of(UdxSocket socket) { return static_cast<dht::SocketRole>(socket); }

}  // namespace

Punches::Punches(dht::Node& node, const UdxStreams& streams, Random& random)
    : node_(node), streams_(streams), random_(random), sockets_(streams) {}

Punches::~Punches() = default;

// --- Client ------------------------------------------------------------------------------------

void Punches::begin(Now now, UdxId stream, PunchOffer offer) {
  now_ = now.mono;
  if (running() >= kMaxPunches) {
    ++stats_.refused;
    return events_.push(PunchFailed{stream, make_error_code(Errc::too_many_punches)});
  }
  ++stats_.begun;
  const auto id = ++last_id_;
  PunchRoom& room = *this;
  const auto lan = offer.lan;
  auto machine = std::make_unique<PunchClient>(room, id, std::move(offer));
  clients_[id] = {.stream = stream, .machine = std::move(machine)};
  clients_[id].machine->start(now);
  if (!lan) return;
  auto ping = dht::ping_request();
  ping.socket = dht::SocketRole::server;
  lan_pings_[node_.request(now, *lan, std::move(ping))] = id;
}

// --- Server ------------------------------------------------------------------------------------

bool Punches::has_room(std::uint32_t client_ip) const {
  if (running() >= kMaxPunches) return false;
  if (realm_of(client_ip) == Realm::loopback) return true;
  const auto same = std::ranges::count_if(
      servers_, [&](const auto& item) { return item.second.client_ip == client_ip; });
  return static_cast<std::size_t>(same) < kMaxPunchesPerIp;
}

std::optional<Punches::Reserved> Punches::reserve(Now now, Endpoint client, UdxId stream) {
  now_ = now.mono;
  if (relays_.empty()) return std::nullopt;
  if (!has_room(client.ip)) {
    ++stats_.refused;
    return std::nullopt;
  }
  const auto id = ++last_id_;
  PunchRoom& room = *this;
  auto machine = std::make_unique<PunchServer>(room, id, client);
  if (!machine->start(now)) return std::nullopt;
  const auto socket = machine->side().socket();
  servers_[id] = {.stream = stream,
                  .client_ip = client.ip,
                  .machine = std::move(machine),
                  .begin_by = now.mono + kPunchWait,
                  .key = {}};
  ++stats_.begun;
  return Reserved{{id, relays_}, socket};
}

void Punches::arm(PunchId id, const Bytes32& key) {
  if (const auto found = servers_.find(id); found != servers_.end()) found->second.key = key;
}

std::optional<UdxSocket> Punches::socket_of(PunchId id) const {
  const auto found = servers_.find(id);
  if (found == servers_.end()) return std::nullopt;
  return found->second.machine->side().socket();
}

// --- Inputs ------------------------------------------------------------------------------------

bool Punches::handle_event(Now now, const dht::Event& event) {
  now_ = now.mono;
  if (const auto* done = std::get_if<dht::RequestDone>(&event)) {
    return handle_pinged(now, *done);
  }
  if (const auto* reply = std::get_if<dht::HolepunchReply>(&event)) {
    return handle_reply(now, *reply);
  }
  if (const auto* failure = std::get_if<dht::HolepunchFailed>(&event)) {
    return handle_failure(now, *failure);
  }
  const auto* received = std::get_if<dht::HolepunchReceived>(&event);
  if (received == nullptr) return false;
  handle_request(now, *received);
  return true;
}

bool Punches::handle_pinged(Now now, const dht::RequestDone& done) {
  if (const auto lan = lan_pings_.extract(done.request); !lan.empty()) {
    const auto client = clients_.find(lan.mapped());
    const bool is_first =
        done.reply && client != clients_.end() && !std::exchange(client->second.told, true);
    const auto socket = static_cast<UdxSocket>(dht::SocketRole::server);
    if (is_first) events_.push(Punched{client->second.stream, {socket, done.from}});
    return true;
  }
  const auto ping = pings_.extract(done.request);
  if (ping.empty()) return false;
  const auto id = ping.mapped().id;
  const auto socket = ping.mapped().socket;
  const auto tell = [&](auto& machine) {
    if (done.reply) {
      machine.handle_seen(now, socket, done.reply->to, done.from);
    } else {
      machine.handle_silence(now, socket);
    }
  };
  if (const auto client = clients_.find(id); client != clients_.end()) {
    tell(*client->second.machine);
  } else if (const auto server = servers_.find(id); server != servers_.end()) {
    tell(*server->second.machine);
    answer(server->second);
  }
  return true;
}

bool Punches::handle_reply(Now now, const dht::HolepunchReply& reply) {
  const auto asked = asked_.extract(reply.request);
  if (asked.empty()) return true;
  const auto client = clients_.find(asked.mapped().id);
  if (client == clients_.end()) return true;
  auto& machine = *client->second.machine;
  const auto message = open_punch_message(reply.sealed, machine.offer().key);
  if (message) {
    machine.handle_reply(now, asked.mapped().socket, *message, reply.own_address, reply.from,
                         reply.peer);
  } else {
    ++stats_.ignored;
    machine.handle_no_reply();
  }
  return true;
}

bool Punches::handle_failure(Now, const dht::HolepunchFailed& failure) {
  const auto asked = asked_.extract(failure.request);
  if (asked.empty()) return true;
  if (const auto client = clients_.find(asked.mapped().id); client != clients_.end()) {
    client->second.machine->handle_no_reply();
  }
  return true;
}

void Punches::handle_request(Now now, const dht::HolepunchReceived& received) {
  const auto found = servers_.find(received.id);
  const bool is_known = found != servers_.end() && found->second.key;
  auto message = is_known ? open_punch_message(received.sealed, *found->second.key) : std::nullopt;
  if (!message) {
    ++stats_.ignored;
    return;
  }
  const bool over_own_relay =
      std::ranges::find(relays_, received.ticket.from, &HolepunchRelay::relay) != relays_.end();
  found->second.machine->handle_request(
      now, {std::move(*message), received.ticket, *received.ticket.peer_address,
            received.own_address, over_own_relay});
  answer(found->second);
}

void Punches::answer(Server& server) {
  while (auto out = server.machine->poll_answer()) {
    auto sealed = seal_punch_message(out->message, *server.key, random_);
    node_.holepunches().answer(role_of(out->socket), out->ticket, std::move(sealed));
  }
}

// Only an attempt's own sockets hear probes: one that a stream stands on needs none.
void Punches::handle_probe(UdxSocket socket, Endpoint from) {
  const auto owner = sockets_.owner_of(socket);
  if (const auto client = clients_.find(owner); client != clients_.end()) {
    client->second.machine->handle_probe(socket, from);
  } else if (const auto server = servers_.find(owner); server != servers_.end()) {
    server->second.machine->handle_probe(socket, from);
  }
}

// Of the many sockets of a birthday punch some may be missing; the one that the peer knows may not.
void Punches::handle_unopened(UdxSocket socket) {
  const auto owner = sockets_.owner_of(socket);
  sockets_.forget(socket);
  const auto server = servers_.find(owner);
  if (server != servers_.end() && server->second.machine->side().socket() == socket) {
    servers_.erase(server);
  }
  const auto client = clients_.find(owner);
  if (client != clients_.end() && client->second.machine->side().socket() == socket) {
    client->second.machine->handle_no_socket();
  }
}

void Punches::handle_timeout(Now now) {
  now_ = now.mono;
  for (auto& [id, client] : clients_) client.machine->handle_timeout(now);
  for (auto& [id, server] : servers_) server.machine->handle_timeout(now);
  sockets_.handle_timeout(now.mono);
}

// --- The end of attempts -----------------------------------------------------------------------

void Punches::settle(Now now) {
  now_ = now.mono;
  for (auto at = clients_.begin(); at != clients_.end();) {
    auto& [id, client] = *at;
    const auto error = client.machine->error();
    bool over = is_settled(id, client.stream, client.machine->side());
    if (!over && error) {
      ++stats_.failed;
      events_.push(PunchFailed{client.stream, error});
      over = true;
    } else if (!over && client.machine->hole() && !std::exchange(client.told, true)) {
      ++stats_.holes;
      events_.push(Punched{client.stream, *client.machine->hole()});
    }
    if (over) end_random_turn(now, id);
    at = over ? clients_.erase(at) : std::next(at);
  }
  for (auto at = servers_.begin(); at != servers_.end();) {
    auto& [id, server] = *at;
    bool over = is_settled(id, server.stream, server.machine->side());
    if (!over && (server.machine->is_over() || server.is_late(now))) {
      ++stats_.failed;
      events_.push(PunchFailed{server.stream, make_error_code(Errc::punch_unheard)});
      over = true;
    }
    if (over) end_random_turn(now, id);
    at = over ? servers_.erase(at) : std::next(at);
  }
}

bool Punches::Server::is_late(Now now) const {
  return machine->is_punching() ? machine->has_given_up() : begin_by <= now.mono;
}

bool Punches::is_settled(PunchId id, UdxId stream, PunchSide& side) {
  const auto status = streams_.status(stream);
  if (!status) return true;
  if (!status->connected) return false;
  const auto socket = status->path.socket;
  if (sockets_.owner_of(socket) == id) {
    side.keep(socket);
    sockets_.keep(now_, socket, stream);
  }
  return true;
}

std::optional<TimePoint> Punches::next_timeout() const {
  Earliest next;
  for (const auto& [id, client] : clients_) next.consider(client.machine->next_timeout());
  for (const auto& [id, server] : servers_) {
    const auto& machine = *server.machine;
    next.consider(machine.is_punching() ? machine.next_timeout() : std::optional(server.begin_by));
  }
  next.consider(sockets_.next_timeout());
  return next.get();
}

// --- What the sides ask for --------------------------------------------------------------------

std::size_t Punches::ping_nodes(Now now, UdxSocket from, Realm realm, std::set<Endpoint>& asked) {
  const auto& table = node_.table();
  std::size_t skip = table.size() >= kEnoughNodes ? kLatestLeftOut : 0;
  std::size_t pinged = 0;
  const auto owner = sockets_.owner_of(from);
  for (const auto& member : table.latest(table.size())) {
    if (pinged == PunchNat::kWanted) break;
    const auto to = member.contact.endpoint;
    if (to.realm() != realm || asked.contains(to)) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    asked.insert(to);
    auto ping = dht::ping_request();
    ping.socket = role_of(from);
    pings_[node_.request(now, to, std::move(ping))] = {owner, from};
    ++pinged;
  }
  return pinged;
}

void Punches::ask(Now now, PunchId id, Endpoint relay, Endpoint peer, const PunchMessage& message) {
  const auto& machine = *clients_.at(id).machine;
  const auto& offer = machine.offer();
  const auto socket = machine.side().socket();
  const auto request = node_.holepunches().send(
      now, role_of(socket), relay,
      {offer.target, offer.id, peer, seal_punch_message(message, offer.key, random_)});
  asked_[request] = {id, socket};
}

bool Punches::take_random_turn(Now now, PunchId id) {
  if (random_turn_ == id) return true;
  const bool rests = random_ended_ && now.mono - *random_ended_ < kRandomTurn;
  if (random_turn_ != 0 || rests) return false;
  random_turn_ = id;
  return true;
}

void Punches::end_random_turn(Now now, PunchId id) {
  if (random_turn_ != id) return;
  random_turn_ = 0;
  random_ended_ = now.mono;
}

}  // namespace cip::overlay
