#include "dht/node_core.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace cip::dht {
namespace {

TokenIssuer make_token_issuer(const NodeOptions& options, Random& random) {
  if (!options.token_secrets) return TokenIssuer(random);
  return TokenIssuer(random, (*options.token_secrets)[0], (*options.token_secrets)[1]);
}

RoutingTable::Options table_options(const NodeOptions& options) {
  RoutingTable::Options out;
  out.k = options.k;
  if (!options.defences.table_caps) out.max_per_ip = out.max_per_subnet24 = 0;
  return out;
}

RecordCache::Options record_options(const NodeOptions& options) {
  RecordCache::Options out;
  out.tell_changes = options.tell_record_changes;
  out.keep_closest = options.defences.keep_closest;
  if (!options.defences.store_quota) out.max_per_ip = out.max_per_subnet24 = SIZE_MAX;
  return out;
}

bool contains(const std::vector<Endpoint>& endpoints, Endpoint endpoint) {
  return std::find(endpoints.begin(), endpoints.end(), endpoint) != endpoints.end();
}

}  // namespace

NodeCore::NodeCore(NodeOptions node_options, ContactArena& contacts, Random& rng)
    : options(std::move(node_options)),
      arena(contacts),
      random(rng),
      table(NodeId{rng.bytes<32>()}, contacts, table_options(options)),
      tokens(make_token_issuer(options, rng)),
      rpc(rng, Rpc::kMaxQueued, options.defences),
      records(record_options(options)) {}

Tick NodeCore::tick(Now now) const { return static_cast<Tick>((now.mono - epoch) / kTick) + slept; }

std::optional<OwnAddresses::Address> NodeCore::facing(Endpoint peer,
                                                      std::optional<Endpoint> told) const {
  const auto& seen = own.seen_from(peer.realm());
  if (!seen) return seen;
  const bool believe = told && told->port == options.server_port && is_interface(told->ip) &&
                       told->realm() >= peer.realm();
  if (believe && *told != seen->endpoint) {
    return OwnAddresses::Address{*told, node_id_of(*told)};
  }
  if (believe || seen->endpoint.realm() != Realm::private_network) return seen;
  // Several private networks: the interface with the longest prefix in common leads to the peer.
  auto best = seen->endpoint;
  for (const auto ip : options.interfaces) {
    if (realm_of(ip) != Realm::private_network) continue;
    if ((ip ^ peer.ip) < (best.ip ^ peer.ip)) best = {ip, options.server_port};
  }
  if (best == seen->endpoint) return seen;
  return OwnAddresses::Address{best, node_id_of(best)};
}

bool NodeCore::is_persistent_for(Endpoint peer) const {
  if (options.mode == NodeOptions::Mode::ephemeral) return false;
  const auto& seen = own.seen_from(peer.realm());
  return seen && reachable[index_of(seen->endpoint.realm())];
}

SocketRole NodeCore::request_socket(Endpoint peer) const {
  if (!options.client_socket) return SocketRole::server;
  const bool open = reachable[index_of(peer.realm())];
  return open ? SocketRole::server : SocketRole::client;
}

bool NodeCore::is_named(Endpoint endpoint) const { return contains(options.bootstrap, endpoint); }

bool NodeCore::is_refused(Endpoint endpoint) {
  if (endpoint.port == 0 || endpoint.is_any()) return true;
  constexpr auto ip = [](std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    return a << 24 | b << 16 | c << 8 | d;
  };
  switch (endpoint.ip) {
    case ip(134, 209, 28, 98):
    case ip(167, 99, 142, 185):
      return endpoint.port == 49738;
    case ip(35, 233, 47, 252):
      return endpoint.port == 9400;
    case ip(150, 136, 142, 116):
      return true;
    default:
      return false;
  }
}

// NATs filter by address; on one's own networks nodes may share one.
bool NodeCore::was_contacted(Endpoint peer) const {
  const bool by_ip = peer.realm() == Realm::public_network;
  return std::any_of(contacted.begin(), contacted.end(),
                     [&](Endpoint entry) { return by_ip ? entry.ip == peer.ip : entry == peer; });
}

void NodeCore::note_contacted(Endpoint peer) {
  const bool open = reachable[index_of(peer.realm())];
  if (!options.client_socket || open || was_contacted(peer)) return;
  if (contacted.size() == kMaxContacted) contacted.erase(contacted.begin());
  contacted.push_back(peer);
}

bool NodeCore::is_persistent() const {
  if (options.mode == NodeOptions::Mode::ephemeral) return false;
  for (auto realm = index_of(widest_contact); realm < reachable.size(); ++realm) {
    if (reachable[realm] && own.at(static_cast<Realm>(realm))) return true;
  }
  return false;
}

RequestId NodeCore::send(Now now, Call&& call, std::optional<SocketRole> socket) {
  call.socket = socket.value_or(request_socket(call.to));
  if (!call.round_trip) {
    const auto handle = arena.find(call.to);
    if (handle != kNoContact) call.round_trip = table.round_trip(arena[handle].id);
  }
  return begin(now, std::move(call));
}

RequestId NodeCore::send(Now now, const Contact& to, Call&& call) {
  call.to = to.endpoint;
  call.socket = request_socket(to.endpoint);
  call.round_trip = table.round_trip(to.id);
  return begin(now, std::move(call));
}

RequestId NodeCore::begin(Now now, Call&& call) {
  const auto id = rpc.begin(now, std::move(call));
  if (id == RequestId{}) {
    drop(DropReason::outgoing_limit);
  } else {
    ++stats.requests_sent;
  }
  return id;
}

template <typename T>
void NodeCore::post_as(const std::optional<OwnAddresses::Address>& seen, SocketRole socket,
                       Endpoint to, T&& message, bool with_id) {
  message.to = to;
  if (socket == SocketRole::server) note_contacted(to);
  const bool choose = seen && options.interfaces.size() > 1 && is_interface(seen->endpoint.ip);
  if (seen && with_id && socket == SocketRole::server && is_persistent_for(to)) {
    message.id = seen->id;
  }
  outbox.push({socket, choose ? seen->endpoint.ip : 0, to, std::forward<T>(message)});
}

void NodeCore::post(SocketRole socket, Endpoint to, Request&& request, bool with_id) {
  post_as(facing(to), socket, to, std::move(request), with_id);
}

void NodeCore::post(SocketRole socket, Endpoint to, Reply&& reply, std::optional<Endpoint> told) {
  ++stats.replies_sent;
  post_as(facing(to, told), socket, to, std::move(reply), true);
}

void NodeCore::flush() {
  while (auto transmission = rpc.poll_transmission()) {
    if (transmission->again) ++stats.retransmissions;
    const auto to = transmission->request.to;
    post(transmission->socket, to, std::move(transmission->request));
  }
}

void NodeCore::emit(Event event) {
  if (events.size() >= kMaxEvents) return drop(DropReason::event_limit);
  events.push(std::move(event));
}

const NodeCore::Listening* NodeCore::listening_under(const Target& target) const {
  for (const auto& entry : listening) {
    if (entry.target == target) return &entry;
  }
  return nullptr;
}

std::size_t NodeCore::memory_bytes() const {
  const auto lists = options.bootstrap.capacity() + options.known.capacity();
  return table.memory_bytes() - sizeof table + rpc.memory_bytes() + dead.memory_bytes() +
         budget.memory_bytes() + outbox.memory_bytes() + events.memory_bytes() +
         listening.capacity() * sizeof(Listening) + lists * sizeof(Endpoint) +
         options.interfaces.capacity() * sizeof(std::uint32_t) +
         contacted.capacity() * sizeof(Endpoint);
}

}  // namespace cip::dht
