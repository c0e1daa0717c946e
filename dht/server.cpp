#include "dht/server.hpp"

#include <algorithm>
#include <utility>

#include "dht/payloads.hpp"

namespace cip::dht {
namespace {

// What a requester may be told of a peer: relays of its own realm and wider ones.
void keep_allowed_relays(Peer& peer, Endpoint requester) {
  std::erase_if(peer.relay_addresses,
                [&](Endpoint relay) { return !may_hand_out(relay, requester); });
}

}  // namespace

void Server::handle_request(Now now, SocketRole local, Endpoint from, const Request& request) {
  const Incoming in{now, local, from, request};
  if (request.token) {
    if (!core_.tokens.accepts(now.mono, from.ip, *request.token, token_port(from))) {
      return answer(in, {.token = true,
                         .closer = true,
                         .error = static_cast<std::uint64_t>(ReplyError::invalid_token)});
    }
    core_.budget.prove(now.mono, from.ip);
  }
  request.internal ? handle_internal(in) : handle_command(in);
}

std::uint16_t Server::token_port(Endpoint from) const {
  const auto& options = core_.options;
  return options.defences.token_binds_port && !options.token_secrets ? from.port : 0;
}

void Server::answer_closer(Now now, SocketRole local, Endpoint from, const Request& request) {
  answer({now, local, from, request}, {.closer = true});
}

// Composes an answer and sends it where the request came from, by the same socket.
void Server::answer(const Incoming& in, Answer answer) {
  Reply reply;
  reply.tid = in.request.tid;
  reply.error = answer.error;
  reply.value = std::move(answer.value);
  if (answer.token) reply.token = core_.tokens.issue(in.now.mono, in.from.ip, token_port(in.from));
  if (answer.closer && in.request.target) {
    reply.closer = core_.table.closest_for(in.from, *in.request.target, core_.options.k);
  }
  // 32 bytes: the id that is filled in later.
  if (reply.value && encoded_size(reply) + 32 > kMaxDatagramSent) reply.closer.clear();
  if (core_.options.reflection_budget && core_.options.defences.answer_budget) {
    const auto verdict = core_.budget.charge(in.now.mono, in.from.ip, encoded_size(reply) + 32);
    if (!verdict.whole) {
      reply.closer.clear();
      reply.value.reset();
    }
    if (verdict.ping) {
      Call ping;
      ping.to = in.from;
      ping.request.internal = true;
      ping.retries = 0;
      ping.purpose = Purpose::prove;
      core_.send(in.now, std::move(ping), in.local);
    }
  }
  core_.post(in.local, in.from, std::move(reply), in.request.to);
}

void Server::fail(const Incoming& in, ReplyError error) {
  answer(in, {.closer = true, .error = static_cast<std::uint64_t>(error)});
}

void Server::handle_internal(const Incoming& in) {
  switch (static_cast<InternalCommand>(in.request.command)) {
    case InternalCommand::ping:
      return answer(in, {});
    case InternalCommand::ping_nat:
      return handle_ping_nat(in);
    case InternalCommand::find_node:
      if (!in.request.target) return core_.drop(DropReason::bad_value);
      return answer(in, {.closer = true});
    case InternalCommand::down_hint:
      return handle_down_hint(in);
    case InternalCommand::delayed_ping:
      return handle_delayed_ping(in);
  }
  fail(in, ReplyError::unknown_command);
}

void Server::handle_ping_nat(const Incoming& in) {
  const auto port = in.request.value ? decode_port(*in.request.value) : std::nullopt;
  if (!port) return core_.drop(DropReason::bad_value);
  Reply reply;
  reply.tid = in.request.tid;
  core_.post(in.local, {in.from.ip, *port}, std::move(reply), in.request.to);
}

// Stock believes hints of strangers, and removes a node that just answered; see dht.md 20, 1.
void Server::handle_down_hint(const Incoming& in) {
  const auto dead = in.request.value ? decode_address(*in.request.value) : std::nullopt;
  if (!dead) return core_.drop(DropReason::bad_value);
  answer(in, {});
  const auto id = core_.arena.id_of(*dead);
  const auto source = core_.arena.id_of(in.from);
  const bool trusted = in.request.id == source && core_.table.contains(source) &&
                       hints_.allow(in.now.mono, in.from.ip);
  const bool honour = (trusted || !core_.options.defences.careful_hints) &&
                      core_.rpc.count(Purpose::check) < kMaxHintChecks;
  if (!honour) return core_.drop(DropReason::hint_limit);
  const auto tick = core_.tick(in.now);
  if (!core_.table.take_down_hint(tick, id)) return;
  core_.table.mark_pinged(tick, id);
  Call ping;
  ping.to = *dead;
  ping.request.internal = true;
  ping.purpose = Purpose::check;
  ping.owner = tick;
  core_.send(in.now, std::move(ping));
}

void Server::handle_delayed_ping(const Incoming& in) {
  const auto delay = in.request.value ? decode_delay(*in.request.value) : std::nullopt;
  if (!delay) return core_.drop(DropReason::bad_value);
  if (delayed_.size() >= kMaxDelayed) return core_.drop(DropReason::delay_limit);
  const auto due = in.now.mono + std::chrono::milliseconds(*delay);
  delayed_.push_back({due, in.local, in.from, in.request.tid});
}

void Server::handle_timeout(Now now) {
  for (auto it = delayed_.begin(); it != delayed_.end();) {
    if (it->due > now.mono) {
      ++it;
      continue;
    }
    Reply reply;
    reply.tid = it->tid;
    core_.post(it->local, it->from, std::move(reply));
    it = delayed_.erase(it);
  }
}

std::optional<TimePoint> Server::next_timeout() const {
  std::optional<TimePoint> out;
  for (const auto& entry : delayed_) out = out ? std::min(*out, entry.due) : entry.due;
  return out;
}

void Server::handle_command(const Incoming& in) {
  // An ephemeral node stores nothing; the error makes a query go on without counting it.
  if (!core_.is_persistent_for(in.from)) return fail(in, ReplyError::unknown_command);
  switch (static_cast<Command>(in.request.command)) {
    case Command::find_peer:
      return handle_find_peer(in);
    case Command::lookup:
      return handle_lookup(in);
    case Command::announce:
      return handle_announce(in);
    case Command::unannounce:
      return handle_unannounce(in);
    case Command::mutable_put:
      return handle_mutable_put(in);
    case Command::mutable_get:
      return handle_mutable_get(in);
    case Command::immutable_put:
      return handle_immutable_put(in);
    case Command::immutable_get:
      return handle_immutable_get(in);
    default:
      return fail(in, ReplyError::unknown_command);
  }
}

void Server::handle_find_peer(const Incoming& in) {
  if (!in.request.target) return core_.drop(DropReason::bad_value);
  Answer out{.token = true, .closer = true};
  if (const auto* entry = core_.listening_under(*in.request.target)) {
    out.value = encode_peer({entry->key, {}});
  } else if (auto forward = core_.records.forward(in.now, *in.request.target)) {
    keep_allowed_relays(forward->peer, in.from);
    out.value = encode_peer(forward->peer);
  }
  answer(in, std::move(out));
}

std::optional<Bytes> Server::lookup_value(Now now, const Target& target, Endpoint requester) {
  auto found = core_.records.lookup(now, target, core_.random);
  if (!found) return std::nullopt;
  for (auto& peer : found->peers) keep_allowed_relays(peer, requester);
  return encode_lookup_reply(*found);
}

void Server::handle_lookup(const Incoming& in) {
  if (!in.request.target) return core_.drop(DropReason::bad_value);
  answer(
      in,
      {.token = true, .closer = true, .value = lookup_value(in.now, *in.request.target, in.from)});
}

// What signatures of (un)announces to us are bound to; counts the drop if there is none.
std::optional<AnnounceScope> Server::scope_of(const Incoming& in) {
  if (!in.request.token) {
    core_.drop(DropReason::missing_token);
    return std::nullopt;
  }
  const bool limited = core_.options.defences.store_rate && in.from.realm() != Realm::loopback;
  if (limited && !stores_.allow(in.now.mono, in.from.ip)) {
    core_.drop(DropReason::store_limit);
    return std::nullopt;
  }
  const auto address = core_.facing(in.from, in.request.to);
  if (!in.request.target || !in.request.value || !address) {
    core_.drop(DropReason::bad_value);
    return std::nullopt;
  }
  return AnnounceScope{*in.request.target, address->id, *in.request.token};
}

void Server::handle_announce(const Incoming& in) {
  const auto scope = scope_of(in);
  if (!scope) return;
  auto value = decode_announce(*in.request.value);
  if (!value || (!value->peer && !value->refresh)) return core_.drop(DropReason::bad_value);
  RecordCache::Stored stored;
  if (value->peer) {
    if (!verify_announce(*scope, *value)) return core_.drop(DropReason::bad_signature);
    stored = core_.records.announce(in.now, {.target = scope->target,
                                             .peer = std::move(*value->peer),
                                             .refresh = value->refresh,
                                             .bump = value->bump,
                                             .from = in.from});
  } else {
    stored = core_.records.refresh(in.now, scope->target, *value->refresh, in.from);
    if (stored == RecordCache::Stored::unknown) return core_.drop(DropReason::unknown_refresh);
  }
  if (stored != RecordCache::Stored::stored) return fail(in, ReplyError::unknown_command);
  answer(in, {});
}

void Server::handle_unannounce(const Incoming& in) {
  const auto scope = scope_of(in);
  if (!scope) return;
  const auto value = decode_announce(*in.request.value);
  if (!value || !value->peer) return core_.drop(DropReason::bad_value);
  if (!verify_unannounce(*scope, *value)) return core_.drop(DropReason::bad_signature);
  core_.records.unannounce(in.now, scope->target, value->peer->public_key);
  answer(in, {});
}

void Server::handle_mutable_put(const Incoming& in) {
  const auto scope = scope_of(in);
  if (!scope) return;
  const auto put = decode_mutable_put(*in.request.value);
  if (!put || target_of_key(put->public_key) != scope->target) {
    return core_.drop(DropReason::bad_value);
  }
  if (put->signed_value.value.size() > kMaxStoredValueSize) {
    return fail(in, ReplyError::unknown_command);
  }
  if (!verify_mutable(put->public_key, put->signed_value)) {
    return core_.drop(DropReason::bad_signature);
  }
  switch (core_.records.put_mutable(in.now, scope->target, put->signed_value, in.from)) {
    case RecordCache::Stored::stored:
      return answer(in, {.token = true, .closer = true});
    case RecordCache::Stored::sequence_reused:
      return fail(in, ReplyError::sequence_reused);
    case RecordCache::Stored::sequence_too_low:
      return fail(in, ReplyError::sequence_too_low);
    default:
      return fail(in, ReplyError::unknown_command);
  }
}

void Server::handle_mutable_get(const Incoming& in) {
  const auto seq = in.request.value ? decode_seq(*in.request.value) : std::nullopt;
  if (!in.request.target || !seq) return core_.drop(DropReason::bad_value);
  Answer out{.token = true, .closer = true};
  if (const auto found = core_.records.get_mutable(in.now, *in.request.target, *seq)) {
    out.value = encode_mutable_value(*found);
  }
  answer(in, std::move(out));
}

void Server::handle_immutable_put(const Incoming& in) {
  const auto scope = scope_of(in);
  if (!scope) return;
  if (in.request.value->size() > kMaxStoredValueSize) return fail(in, ReplyError::unknown_command);
  if (target_of_value(*in.request.value) != scope->target) {
    return core_.drop(DropReason::bad_value);
  }
  const auto stored =
      core_.records.put_immutable(in.now, scope->target, *in.request.value, in.from);
  if (stored != RecordCache::Stored::stored) return fail(in, ReplyError::unknown_command);
  answer(in, {.token = true, .closer = true});
}

void Server::handle_immutable_get(const Incoming& in) {
  if (!in.request.target) return core_.drop(DropReason::bad_value);
  answer(in, {.token = true,
              .closer = true,
              .value = core_.records.get_immutable(in.now, *in.request.target)});
}

}  // namespace cip::dht
