#include "dht/queries.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.hpp"

namespace cip::dht {
namespace {

using Kind = QueryTask::Kind;

// The closer nodes of one answer that are read: stock sends 20.
constexpr std::size_t kMaxCloserRead = 40;
// What this node may know of its own records: everything.
constexpr Endpoint kMyself{0x7f000001, 0};

bool is_put(Kind kind) {
  return kind == Kind::announce || kind == Kind::unannounce || kind == Kind::immutable_put ||
         kind == Kind::mutable_put;
}

// What the walk asks. Puts walk with the matching get command, whose answers carry tokens.
Request walk_request(const QueryTask& task, const Target& target) {
  Request out;
  out.target = target;
  const auto set = [&](Command command) { out.command = static_cast<std::uint64_t>(command); };
  switch (task.kind) {
    case Kind::find_node:
      out.internal = true;
      out.command = static_cast<std::uint64_t>(InternalCommand::find_node);
      break;
    case Kind::find_peer:
      set(Command::find_peer);
      break;
    case Kind::lookup:
      set(Command::lookup);
      break;
    case Kind::announce:
    case Kind::unannounce:
      set(target == target_of_key(task.key->public_key) ? Command::find_peer : Command::lookup);
      break;
    case Kind::immutable_get:
    case Kind::immutable_put:
      set(Command::immutable_get);
      break;
    case Kind::mutable_get:
      set(Command::mutable_get);
      out.value = encode_seq(task.seq);
      break;
    case Kind::mutable_put:
      set(Command::mutable_get);
      out.value = encode_seq(0);
      break;
  }
  return out;
}

Command commit_command(Kind kind) {
  switch (kind) {
    case Kind::announce:
      return Command::announce;
    case Kind::unannounce:
      return Command::unannounce;
    case Kind::mutable_put:
      return Command::mutable_put;
    default:
      return Command::immutable_put;
  }
}

}  // namespace

QueryId Queries::begin(Now now, const Target& target, QueryTask task, QueryOptions options) {
  const QueryId id{++last_id_};
  if (running_.size() >= kMaxRunning) {
    QueryDone done;
    done.query = id;
    done.target = target;
    done.error = make_error_code(Errc::too_many);
    core_.emit(std::move(done));
    return id;
  }
  const std::size_t alpha = core_.options.alpha;
  const Query::Limits limits{
      .k = core_.options.k,
      .alpha = options.background ? std::max<std::size_t>(2, alpha / 8) : alpha,
      .independent = core_.options.defences.spread_walks,
      .dense_radius = dense_radius()};
  running_.push_back(
      std::make_unique<Running>(id, target, std::move(task), std::move(options), limits));
  auto& query = *running_.back();
  query.begun = now.mono;
  ++core_.stats.queries;
  core_.last_query = now.mono;
  add_start(now, query);
  answer_here(now, query);
  pump(now, query);
  return id;
}

void Queries::cancel(Now now, QueryId query) {
  if (auto* running = find(query.value)) finish(now, *running, make_error_code(Errc::cancelled));
}

void Queries::cancel_all(Now now) {
  while (!running_.empty()) finish(now, *running_.front(), make_error_code(Errc::cancelled));
}

Queries::Running* Queries::find(std::uint64_t id) {
  const auto at = std::lower_bound(
      running_.begin(), running_.end(), id,
      [](const auto& query, std::uint64_t wanted) { return query->id.value < wanted; });
  return at != running_.end() && (*at)->id.value == id ? at->get() : nullptr;
}

// This node may hold what it is looking for. In an overlay of one there is nobody else to ask.
void Queries::answer_here(Now now, Running& query) {
  const auto& target = query.walk.target();
  QueryReply reply;
  reply.query = query.id;
  reply.local = true;
  if (const auto& own = core_.own.widest()) reply.from = own->endpoint;
  std::optional<Bytes> value;
  switch (query.task.kind) {
    case Kind::find_peer:
      if (const auto* entry = core_.listening_under(target)) {
        value = encode_peer({entry->key, {}});
      } else if (const auto forward = core_.records.forward(now, target)) {
        value = encode_peer(forward->peer);
        reply.from = forward->relay;
      }
      break;
    case Kind::lookup:
      value = server_.lookup_value(now, target, kMyself);
      break;
    case Kind::immutable_get:
      value = core_.records.get_immutable(now, target);
      break;
    case Kind::mutable_get:
      if (const auto found = core_.records.get_mutable(now, target, query.task.seq)) {
        value = encode_mutable_value(*found);
      }
      break;
    default:
      break;
  }
  if (!value || !is_good_value(query, *value)) return;
  query.answered_here = true;
  reply.value = std::move(*value);
  core_.emit(std::move(reply));
}

void Queries::pump(Now now, Running& query) {
  if (query.walk.is_dense() && !std::exchange(query.walks_elsewhere, true)) add_elsewhere(query);
  while (const auto contact = query.walk.poll_request()) ask(now, query, *contact);
  send_hints(now, query);
  const bool got_it = query.found && query.task.kind == Kind::immutable_get;
  if (!got_it && !query.walk.is_done()) return;
  if (!got_it && start_over(now, query)) return pump(now, query);
  finish_walk(now, query);
}

void Queries::ask(Now now, Running& query, const Contact& contact) {
  Call call;
  call.request = walk_request(query.task, query.walk.target());
  call.retries = kRetries;
  call.purpose = Purpose::query;
  call.owner = query.id.value;
  // A full queue is our own trouble: the contact is passed over, not taken for dead.
  const bool sent = core_.send(now, contact, std::move(call)) != RequestId{};
  if (!sent) query.walk.handle_answer(contact, {.counts = false}, core_.arena);
}

void Queries::handle_reply(Now now, const Call& call, const Contact& from, Duration round_trip,
                           const Reply& reply) {
  auto* query = find(call.owner);
  if (query == nullptr) return;
  if (call.purpose == Purpose::commit) return handle_commit(now, *query, from, &reply);
  if (query->committing) return;
  std::array<Endpoint, kMaxCloserRead> closer;
  std::size_t n = 0;
  for (const auto endpoint : reply.closer) {
    if (query->task.only_start || n == closer.size()) break;
    // A responder may name nobody of a narrower realm than its own: we are not its scanner.
    if (NodeCore::is_refused(endpoint) || endpoint.realm() < from.endpoint.realm()) continue;
    if (core_.is_own(endpoint) || core_.is_foreign(endpoint)) continue;
    closer[n++] = endpoint;
    if (core_.dead.contains(now.mono, endpoint)) {
      query->walk.add_down({core_.arena.id_of(endpoint), endpoint});
    }
  }
  const bool counts = reply.error == 0 && reply.id == from.id;
  query->walk.handle_answer(
      from, {.rtt = round_trip, .counts = counts, .closer = std::span(closer).first(n)},
      core_.arena);
  if (counts && reply.token && is_put(query->task.kind)) {
    query->grants.push_back({from, *reply.token, reply.to});
  }
  if (reply.error == 0 && reply.value) take_value(*query, reply, from, round_trip);
  pump(now, *query);
}

void Queries::take_value(Running& query, const Reply& reply, const Contact& from,
                         Duration round_trip) {
  if (query.task.upkeep || !is_good_value(query, *reply.value)) return;
  core_.emit(QueryReply{.query = query.id,
                        .from = from.endpoint,
                        .local = false,
                        .depth = query.walk.depth_of(from.endpoint),
                        .rtt = round_trip,
                        .hops = query.walk.path_to(from.endpoint),
                        .value = *reply.value});
}

// Nothing unchecked is handed up: records decode, values hash or verify.
bool Queries::is_good_value(Running& query, const Bytes& value) {
  const auto& target = query.walk.target();
  switch (query.task.kind) {
    case Kind::find_node:
    case Kind::immutable_put:
    case Kind::mutable_put:
      return false;
    case Kind::immutable_get:
      query.found = query.found || target_of_value(value) == target;
      return target_of_value(value) == target;
    case Kind::mutable_get: {
      const auto found = decode_mutable_value(value);
      if (!found || found->seq < query.task.seq) return false;
      if (query.found && found->seq <= query.best_seq) return false;
      if (!verify_mutable(query.task.public_key, *found)) return false;
      query.found = true;
      query.best_seq = found->seq;
      return true;
    }
    case Kind::find_peer: {
      const auto peer = decode_peer(value);
      return peer && target_of_key(peer->public_key) == target;
    }
    case Kind::lookup:
      return decode_lookup_reply(value).has_value();
    case Kind::announce:
    case Kind::unannounce:
      return target == target_of_key(query.task.key->public_key)
                 ? decode_peer(value).has_value()
                 : decode_lookup_reply(value).has_value();
  }
  return false;
}

void Queries::handle_overdue(Now now, const Call& call, bool failed) {
  auto* query = find(call.owner);
  if (query == nullptr) return;
  const Contact contact{core_.arena.id_of(call.to), call.to};
  if (call.purpose == Purpose::commit) {
    if (failed) handle_commit(now, *query, contact, nullptr);
    return;
  }
  if (query->committing) return;
  failed ? query->walk.handle_timeout(contact) : query->walk.handle_late(contact);
  pump(now, *query);
}

void Queries::send_hints(Now now, Running& query) {
  while (const auto hint = query.walk.poll_hint()) {
    if (!hints_.allow(now.mono, 0)) continue;
    Call call;
    call.to = hint->to;
    call.request.internal = true;
    call.request.command = static_cast<std::uint64_t>(InternalCommand::down_hint);
    call.request.value = encode_address(hint->dead);
    call.retries = 0;
    call.purpose = Purpose::detached;
    core_.send(now, std::move(call));
  }
}

void Queries::finish_walk(Now now, Running& query) {
  feed_estimator(query);
  if (!is_put(query.task.kind)) return finish(now, query, outcome(query));
  query.committing = true;
  core_.rpc.detach(Purpose::query, query.id.value);
  if (!query.task.only_start) store_here(now, query);
  for (const auto& grant : chosen(query)) commit(now, query, grant);
  if (query.commits == 0) finish(now, query, outcome(query));
}

// The closest that gave a token, and some near ones of other networks.
std::vector<Queries::Grant> Queries::chosen(const Running& query) const {
  const auto closest = query.walk.closest();
  const auto wanted = query.options.replicas == 0 ? closest.size() : query.options.replicas;
  std::vector<Grant> out;
  std::vector<std::uint32_t> networks;
  for (const auto& contact : closest) {
    networks.push_back(contact.endpoint.subnet24());
    const auto grant = std::find_if(query.grants.begin(), query.grants.end(),
                                    [&](const Grant& entry) { return entry.node == contact; });
    if (grant != query.grants.end() && out.size() < wanted) out.push_back(*grant);
  }
  if (query.options.replicas != 0 || !core_.options.defences.spread_walks) return out;
  auto others = query.grants;
  if (query.walk.is_dense()) {
    const auto trusted = query.walk.independent();
    std::erase_if(others, [&](const Grant& grant) {
      return std::ranges::find(trusted, grant.node) == trusted.end();
    });
  }
  std::sort(others.begin(), others.end(), [&](const Grant& a, const Grant& b) {
    return compare_distance(query.walk.target(), a.node.id.bytes, b.node.id.bytes) < 0;
  });
  const std::size_t most = query.walk.is_dense() ? query.walk.limits().k : kMaxAdditional;
  std::size_t added = 0;
  for (const auto& grant : others) {
    const auto network = grant.node.endpoint.subnet24();
    const bool known = std::find(networks.begin(), networks.end(), network) != networks.end();
    if (known || grant.node.endpoint.realm() != Realm::public_network) continue;
    if (added++ == most) break;
    networks.push_back(network);
    out.push_back(grant);
  }
  return out;
}

void Queries::commit(Now now, Running& query, const Grant& grant) {
  Call call;
  call.to = grant.node.endpoint;
  call.request.command = static_cast<std::uint64_t>(commit_command(query.task.kind));
  call.request.target = query.walk.target();
  call.request.token = grant.token;
  call.request.value = commit_value(query, grant);
  call.purpose = Purpose::commit;
  call.owner = query.id.value;
  if (core_.send(now, std::move(call)) != RequestId{}) ++query.commits;
}

std::optional<Bytes> Queries::commit_value(const Running& query, const Grant& grant) const {
  const auto& task = query.task;
  const AnnounceScope scope{query.walk.target(), grant.node.id, grant.token};
  switch (task.kind) {
    case Kind::announce: {
      Peer peer{task.key->public_key, {}};
      for (const auto relay : task.relays) {
        if (peer.relay_addresses.size() == kMaxRelayAddresses) break;
        if (may_hand_out(relay, grant.node.endpoint)) peer.relay_addresses.push_back(relay);
      }
      return encode_announce(sign_announce(scope, std::move(peer), *task.key));
    }
    case Kind::unannounce:
      return encode_announce(sign_unannounce(scope, *task.key));
    case Kind::mutable_put:
      return encode_mutable_put(*task.put);
    default:
      return task.value;
  }
}

// A node that is itself among the closest stores too: stock leaves that to others, but in an
// overlay of one or two there may be no others.
void Queries::store_here(Now now, Running& query) {
  const auto& own = core_.own.widest();
  const auto& target = query.walk.target();
  if (!own || !core_.is_persistent_for(own->endpoint)) return;
  if (!query.walk.is_near_enough(own->id)) return;
  const auto& task = query.task;
  constexpr auto kStored = RecordCache::Stored::stored;
  switch (task.kind) {
    case Kind::announce: {
      const bool listened = core_.listening_under(target) != nullptr;
      query.stored_here =
          listened || core_.records.announce(now, {.target = target,
                                                   .peer = {task.key->public_key, task.relays},
                                                   .refresh = {},
                                                   .bump = 0,
                                                   .from = own->endpoint}) == kStored;
      return;
    }
    case Kind::unannounce:
      core_.records.unannounce(now, target, task.key->public_key);
      query.stored_here = true;
      return;
    case Kind::mutable_put:
      query.stored_here =
          core_.records.put_mutable(now, target, task.put->signed_value, own->endpoint) == kStored;
      return;
    default:
      query.stored_here =
          core_.records.put_immutable(now, target, task.value, own->endpoint) == kStored;
  }
}

// The answer to a commit, or none after all retries. A token that ran out is replaced once.
void Queries::handle_commit(Now now, Running& query, const Contact& node, const Reply* reply) {
  CIP_ASSERT(query.commits > 0);
  --query.commits;
  if (reply != nullptr) {
    const bool expired = reply->is(ReplyError::invalid_token) && reply->token;
    auto& retried = query.retried;
    if (expired && std::find(retried.begin(), retried.end(), node.endpoint) == retried.end()) {
      retried.push_back(node.endpoint);
      return commit(now, query, {node, *reply->token, reply->to});
    }
    query.stored.push_back({node, reply->to, reply->error});
  }
  if (query.commits == 0) finish(now, query, outcome(query));
}

std::error_code Queries::outcome(const Running& query) const {
  const bool answered = query.walk.answers() > 0;
  if (is_put(query.task.kind)) {
    const bool stored = std::any_of(query.stored.begin(), query.stored.end(),
                                    [](const Stored& entry) { return entry.error == 0; });
    if (stored || query.stored_here) return {};
    if (answered) return make_error_code(Errc::not_stored);
  }
  if (answered || query.answered_here) return {};
  return make_error_code(query.had_contacts ? Errc::no_answer : Errc::no_contacts);
}

void Queries::feed_estimator(const Running& query) {
  if (query.walk.answers() == 0 || query.task.only_start) return;
  std::vector<NodeId> ids;
  for (const auto& contact : query.walk.closest()) ids.push_back(contact.id);
  const auto& own = core_.own.widest();
  if (own && core_.is_persistent_for(own->endpoint) && query.walk.is_near_enough(own->id)) {
    ids.push_back(own->id);
    std::sort(ids.begin(), ids.end(), CloserTo(query.walk.target()));
    if (ids.size() > query.walk_k()) ids.pop_back();
  }
  if (!estimator_) estimator_ = std::make_unique<SizeEstimator>(core_.options.k);
  estimator_->add_walk(query.walk.target(), ids);
}

void Queries::finish(Now now, Running& query, std::error_code error) {
  core_.rpc.detach(Purpose::query, query.id.value);
  core_.rpc.detach(Purpose::commit, query.id.value);
  if (query.task.upkeep) {
    upkeep_done_.push({query.id, query.walk.answers()});
  } else {
    core_.emit(QueryDone{.query = query.id,
                         .target = query.walk.target(),
                         .error = error,
                         .closest = query.walk.closest(),
                         .stored = std::move(query.stored),
                         .stored_here = query.stored_here,
                         .hops = query.walk.path(),
                         .hops_to_closest = query.walk.hops_to_closest(),
                         .hops_first = query.walk.hops_first(),
                         .requests = query.walk.requests(),
                         .answers = query.walk.answers(),
                         .timeouts = query.walk.timeouts(),
                         .took = now.mono - query.begun});
  }
  erase(query.id);
}

void Queries::erase(QueryId id) {
  std::erase_if(running_, [&](const auto& query) { return query->id == id; });
}

std::size_t Queries::memory_bytes() const {
  std::size_t out = running_.capacity() * sizeof(void*) + hints_.memory_bytes();
  for (const auto& query : running_) {
    out += sizeof(Running) + query->walk.memory_bytes() + query->grants.capacity() * sizeof(Grant);
  }
  if (estimator_) out += sizeof(SizeEstimator) + estimator_->walks() * 24;
  return out;
}

}  // namespace cip::dht
