#include "dht/node.hpp"

#include <algorithm>
#include <utility>

#include "base/machine.hpp"
#include "base/prefetch.hpp"
#include "dht/hellos.hpp"
#include "dht/holepunches.hpp"
#include "dht/lifecycle.hpp"
#include "dht/node_core.hpp"
#include "dht/queries.hpp"
#include "dht/relay.hpp"
#include "dht/server.hpp"

namespace cip::dht {

struct Node::Parts {
  Parts(Options options, ContactArena& contacts, Random& random)
      : core(std::move(options), contacts, random),
        server(core),
        relay(core, server),
        queries(core, server),
        lifecycle(core, queries),
        hellos(core, relay),
        holepunches(core) {}

  void handle_request(Now now, SocketRole local, Endpoint from, const Request& request);
  void handle_reply(Now now, SocketRole local, Endpoint from, const Reply& reply);
  void handle_overdue(Now now, const Rpc::Overdue& overdue);
  // The end of every input: what became due by it is done, what is to be sent is in the outbox.
  void settle(Now now);

  NodeCore core;
  Server server;
  Relay relay;
  Queries queries;
  Lifecycle lifecycle;
  Hellos hellos;
  Holepunches holepunches;
};

void Node::Parts::handle_request(Now now, SocketRole local, Endpoint from, const Request& request) {
  ++core.stats.requests_received;
  lifecycle.note_request(now, local, from, request);
  const bool relayed = request.is(Command::peer_handshake) || request.is(Command::peer_holepunch);
  relayed ? relay.handle_request(now, local, from, request)
          : server.handle_request(now, local, from, request);
}

void Node::Parts::handle_reply(Now now, SocketRole local, Endpoint from, const Reply& reply) {
  const auto answered = core.rpc.handle_reply(now, from, reply.tid);
  if (answered.match == Rpc::Match::unknown) return core.drop(DropReason::unknown_reply);
  if (answered.match == Rpc::Match::wrong_source) return core.drop(DropReason::wrong_source);
  ++core.stats.replies_received;
  const Contact asked{core.arena.id_of(answered.call.to), answered.call.to};
  lifecycle.note_reply(now, local, asked, answered, reply);
  switch (answered.call.purpose) {
    case Purpose::query:
    case Purpose::commit:
      return queries.handle_reply(now, answered.call, asked, answered.round_trip, reply);
    case Purpose::hello:
      return hellos.handle_reply(answered, reply);
    case Purpose::holepunch:
      return holepunches.handle_reply(answered, reply);
    case Purpose::single:
      return core.emit(RequestDone{.request = answered.id,
                                   .from = from,
                                   .error = {},
                                   .reply = reply,
                                   .rtt = answered.round_trip});
    default:
      return;
  }
}

void Node::Parts::handle_overdue(Now now, const Rpc::Overdue& overdue) {
  if (overdue.failed) {
    ++core.stats.timeouts;
    lifecycle.note_failure(now, overdue);
  } else {
    lifecycle.note_late(now, overdue);
  }
  switch (overdue.call.purpose) {
    case Purpose::query:
    case Purpose::commit:
      return queries.handle_overdue(now, overdue.call, overdue.failed);
    case Purpose::hello:
      if (overdue.failed) hellos.handle_failure(overdue);
      return;
    case Purpose::holepunch:
      if (overdue.failed) holepunches.handle_failure(overdue);
      return;
    case Purpose::single:
      if (!overdue.failed) return;
      return core.emit(RequestDone{.request = overdue.id,
                                   .from = overdue.call.to,
                                   .error = make_error_code(Errc::request_timeout),
                                   .reply = std::nullopt,
                                   .rtt = now.mono - overdue.begun});
    default:
      return;
  }
}

void Node::Parts::settle(Now now) {
  lifecycle.settle(now);
  core.flush();
}

Node::Node(Options options, ContactArena& contacts, Random& random)
    : parts_(std::make_unique<Parts>(std::move(options), contacts, random)) {}
Node::~Node() = default;
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&&) noexcept = default;

void Node::start(Now now) {
  parts_->lifecycle.start(now);
  parts_->settle(now);
}

void Node::stop(Now now) {
  parts_->lifecycle.stop();
  parts_->queries.cancel_all(now);
  parts_->core.rpc.fail_all();
  while (const auto overdue = parts_->core.rpc.poll_overdue())
    parts_->handle_overdue(now, *overdue);
  parts_->core.outbox.clear();
}

// --- inputs

void Node::handle_message(Now now, SocketRole local, Endpoint from, const Message& message) {
  auto& core = parts_->core;
  if (!core.running) return;
  if (from.port == 0 || from.is_any()) return core.drop(DropReason::bad_source);
  if (const auto* request = std::get_if<Request>(&message)) {
    parts_->handle_request(now, local, from, *request);
  } else {
    parts_->handle_reply(now, local, from, std::get<Reply>(message));
  }
  parts_->settle(now);
}

void Node::handle_timeout(Now now) {
  auto& core = parts_->core;
  if (!core.running) return;
  core.rpc.handle_timeout(now);
  while (const auto overdue = core.rpc.poll_overdue()) parts_->handle_overdue(now, *overdue);
  parts_->server.handle_timeout(now);
  core.records.expire(now);
  parts_->lifecycle.handle_timeout(now);
  parts_->settle(now);
}

void Node::set_interfaces(Now now, std::vector<std::uint32_t> interfaces) {
  parts_->lifecycle.set_interfaces(now, std::move(interfaces));
  parts_->settle(now);
}

void Node::note_drop(DropReason reason) { parts_->core.drop(reason); }

// --- contacts

void Node::add_bootstrap(Now now, Endpoint contact) {
  parts_->lifecycle.add_bootstrap(now, contact);
  parts_->settle(now);
}

void Node::introduce(Now now, Endpoint contact) {
  parts_->lifecycle.introduce(now, contact);
  parts_->settle(now);
}

void Node::assume(Now now, std::span<const Contact> proven) {
  parts_->lifecycle.assume(now, proven);
}

void Node::restore_records(Now now, std::span<const RecordChange> saved) {
  for (const auto& record : saved) parts_->core.records.restore(now, record);
}

// --- single requests

Node::RawRequest ping_request() {
  return {.command = static_cast<std::uint64_t>(InternalCommand::ping),
          .internal = true,
          .target = {},
          .value = {},
          .token = {}};
}

RequestId Node::ping(Now now, Endpoint to) { return request(now, to, ping_request()); }

RequestId Node::request(Now now, Endpoint to, RawRequest raw) {
  auto& core = parts_->core;
  Call call;
  call.to = to;
  call.request.command = raw.command;
  call.request.internal = raw.internal;
  call.request.target = raw.target;
  call.request.value = std::move(raw.value);
  call.request.token = raw.token;
  auto id = core.send(now, std::move(call), raw.socket);
  if (id == RequestId{}) {
    id = core.rpc.burn_id();
    core.emit(RequestDone{.request = id,
                          .from = to,
                          .error = make_error_code(Errc::too_many),
                          .reply = std::nullopt,
                          .rtt = {}});
  }
  parts_->settle(now);
  return id;
}

// --- queries

QueryId Node::begin(Now now, const Target& target, QueryTask task, QueryOptions options) {
  const auto id = parts_->queries.begin(now, target, std::move(task), std::move(options));
  parts_->settle(now);
  return id;
}

QueryId Node::find_node(Now now, const Target& target, QueryOptions options) {
  QueryTask task;
  task.kind = QueryTask::Kind::find_node;
  return begin(now, target, std::move(task), std::move(options));
}

QueryId Node::lookup(Now now, const Target& target, QueryOptions options) {
  QueryTask task;
  task.kind = QueryTask::Kind::lookup;
  return begin(now, target, std::move(task), std::move(options));
}

QueryId Node::find_peer(Now now, const Target& target, QueryOptions options) {
  QueryTask task;
  task.kind = QueryTask::Kind::find_peer;
  return begin(now, target, std::move(task), std::move(options));
}

QueryId Node::announce(Now now, const Target& target, const KeyPair& key,
                       const std::vector<Endpoint>& relays, QueryOptions options) {
  QueryTask task;
  task.kind = QueryTask::Kind::announce;
  task.key = key;
  task.relays = relays;
  return begin(now, target, std::move(task), std::move(options));
}

QueryId Node::unannounce(Now now, const Target& target, const KeyPair& key, QueryOptions options) {
  QueryTask task;
  task.kind = QueryTask::Kind::unannounce;
  task.key = key;
  return begin(now, target, std::move(task), std::move(options));
}

QueryId Node::unannounce_at(Now now, Endpoint node, const Target& target, const KeyPair& key) {
  QueryTask task;
  task.kind = QueryTask::Kind::unannounce;
  task.key = key;
  task.only_start = true;
  QueryOptions options;
  options.start = {node};
  return begin(now, target, std::move(task), std::move(options));
}

Result<QueryId> Node::put_immutable(Now now, Bytes value, QueryOptions options) {
  if (value.size() > kMaxOwnValueSize) return fail(Errc::value_too_large);
  QueryTask task;
  task.kind = QueryTask::Kind::immutable_put;
  const auto target = target_of_value(value);
  task.value = std::move(value);
  return begin(now, target, std::move(task), std::move(options));
}

QueryId Node::get_immutable(Now now, const Target& target, QueryOptions options) {
  QueryTask task;
  task.kind = QueryTask::Kind::immutable_get;
  return begin(now, target, std::move(task), std::move(options));
}

Result<QueryId> Node::put_mutable(Now now, const KeyPair& key, std::uint64_t seq, Bytes value,
                                  QueryOptions options) {
  if (value.size() > kMaxOwnValueSize) return fail(Errc::value_too_large);
  return put_signed(now, sign_mutable(seq, std::move(value), key), std::move(options));
}

Result<QueryId> Node::put_signed(Now now, const MutablePut& put, QueryOptions options) {
  if (put.signed_value.value.size() > kMaxOwnValueSize) return fail(Errc::value_too_large);
  QueryTask task;
  task.kind = QueryTask::Kind::mutable_put;
  task.put = put;
  return begin(now, target_of_key(put.public_key), std::move(task), std::move(options));
}

QueryId Node::get_mutable(Now now, const PublicKey& key, std::uint64_t lowest_seq,
                          QueryOptions options) {
  QueryTask task;
  task.kind = QueryTask::Kind::mutable_get;
  task.public_key = key;
  task.seq = lowest_seq;
  return begin(now, target_of_key(key), std::move(task), std::move(options));
}

void Node::cancel(Now now, QueryId query) {
  parts_->queries.cancel(now, query);
  parts_->settle(now);
}

// --- hellos

void Node::listen(const PublicKey& key) {
  const auto target = target_of_key(key);
  if (parts_->core.listening_under(target) != nullptr) return;
  parts_->core.listening.push_back({target, key});
}

void Node::unlisten(const PublicKey& key) {
  std::erase_if(parts_->core.listening, [&](const auto& entry) { return entry.key == key; });
}

RequestId Node::send_hello(Now now, Endpoint via, const Target& target, Bytes noise,
                           std::optional<Endpoint> relay) {
  const auto id = parts_->hellos.send(now, via, target, std::move(noise), relay);
  parts_->settle(now);
  return id;
}

void Node::answer_hello(Now now, const HelloTicket& ticket, Bytes noise) {
  parts_->relay.answer_hello(now, ticket, std::move(noise));
}

Holepunches& Node::holepunches() { return parts_->holepunches; }

// --- outputs

std::optional<Outgoing> Node::poll_message() { return parts_->core.outbox.pop(); }
std::optional<Event> Node::poll_event() { return parts_->core.events.pop(); }
std::optional<RecordChange> Node::poll_record_change() {
  return parts_->core.records.poll_change();
}

std::optional<TimePoint> Node::next_timeout() const {
  const auto& core = parts_->core;
  if (!core.running) return std::nullopt;
  return earliest({core.rpc.next_timeout(), core.records.next_timeout(),
                   parts_->server.next_timeout(), parts_->lifecycle.next_timeout()});
}

// --- what it knows

const NodeOptions& Node::options() const { return parts_->core.options; }
NodeId Node::id() const { return parts_->core.table.id(); }

std::optional<Endpoint> Node::address(Realm realm) const {
  const auto& at = parts_->core.own.at(realm);
  return at ? std::optional(at->endpoint) : std::nullopt;
}

std::optional<Endpoint> Node::address() const {
  const auto& at = parts_->core.own.widest();
  return at ? std::optional(at->endpoint) : std::nullopt;
}

std::optional<Endpoint> Node::public_address() const { return parts_->lifecycle.public_address(); }
bool Node::is_persistent() const { return parts_->core.is_persistent(); }
bool Node::is_firewalled() const { return parts_->lifecycle.is_firewalled(); }
bool Node::is_ready() const { return parts_->core.ready; }
NatView Node::nat_view() const { return parts_->lifecycle.nat_view(); }
const RoutingTable& Node::table() const { return parts_->core.table; }
const RecordCache& Node::records() const { return parts_->core.records; }
const SizeEstimator* Node::size_estimator() const { return parts_->queries.size_estimator(); }
const NodeStats& Node::stats() const { return parts_->core.stats; }
const DropCounters& Node::drops() const { return parts_->core.drops; }
std::size_t Node::queries_running() const { return parts_->queries.running(); }
std::size_t Node::requests_in_flight() const { return parts_->core.rpc.in_flight(); }

std::size_t Node::memory_bytes() const {
  return sizeof(Node) + sizeof(Parts) + parts_->core.memory_bytes() +
         parts_->server.memory_bytes() + parts_->relay.memory_bytes() +
         parts_->queries.memory_bytes() + parts_->lifecycle.memory_bytes();
}

void Node::prefetch() const { base::prefetch(parts_.get(), sizeof(Parts)); }

void Node::prefetch_table() const {
  parts_->core.table.prefetch();
  parts_->core.outbox.prefetch();
}

void Node::prefetch_bucket(const NodeId& id) const { parts_->core.table.prefetch(id); }

}  // namespace cip::dht
