#include "dht/relay.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cip::dht {
namespace {

std::uint64_t first_bytes_of(const Target& target) {
  std::uint64_t out;
  std::memcpy(&out, target.data(), sizeof out);
  return out;
}

std::uint64_t key_of(Endpoint endpoint) { return std::uint64_t{endpoint.ip} << 16 | endpoint.port; }

}  // namespace

void Relay::handle_request(Now now, SocketRole local, Endpoint from, const Request& request) {
  if (!request.target || !request.value) return core_.drop(DropReason::bad_value);
  const Incoming in{now, local, from, request};
  request.is(Command::peer_handshake) ? handle_handshake(in) : handle_holepunch(in);
}

void Relay::handle_handshake(const Incoming& in) {
  auto value = decode_handshake(*in.request.value);
  if (!value || value->noise.empty()) return core_.drop(DropReason::bad_value);
  const bool for_server = value->mode == RelayMode::from_client ||
                          value->mode == RelayMode::from_relay ||
                          value->mode == RelayMode::from_second_relay;
  if (for_server && core_.listening_under(*in.request.target) != nullptr) {
    return handle_own(in, std::move(*value));
  }
  const auto forward = way_to(in.now, *in.request.target);
  switch (value->mode) {
    case RelayMode::from_client: {
      const auto to = value->relay_address ? value->relay_address : forward;
      if (!to) return server_.answer_closer(in.now, in.local, in.from, in.request);
      const HandshakeValue next{RelayMode::from_relay, std::move(value->noise), in.from, {}};
      if (pass_on(in, *to, to == forward, encode_handshake(next))) remember(in);
      return;
    }
    case RelayMode::from_relay: {
      if (!forward || !value->peer_address) return core_.drop(DropReason::bad_value);
      const HandshakeValue next{RelayMode::from_second_relay, std::move(value->noise),
                                value->peer_address, in.from};
      pass_on(in, *forward, true, encode_handshake(next));
      return;
    }
    case RelayMode::from_server: {
      if (!value->peer_address) return core_.drop(DropReason::bad_value);
      if (!take_relayed(in, *value->peer_address)) return core_.drop(DropReason::relay_unasked);
      const HandshakeValue next{RelayMode::reply, std::move(value->noise), in.from, {}};
      return pass_back(in, *value->peer_address, encode_handshake(next));
    }
    default:
      return core_.drop(DropReason::bad_value);
  }
}

void Relay::handle_own(const Incoming& in, HandshakeValue value) {
  const bool relayed = value.mode != RelayMode::from_client;
  if (relayed && !value.peer_address) return core_.drop(DropReason::bad_value);
  if (value.mode == RelayMode::from_second_relay && !value.relay_address) {
    return core_.drop(DropReason::bad_value);
  }
  HelloReceived event;
  event.ticket = {.tid = in.request.tid,
                  .mode = static_cast<std::uint64_t>(value.mode),
                  .socket = in.local,
                  .from = in.from,
                  .peer_address = value.peer_address,
                  .relay_address = value.relay_address,
                  .target = *in.request.target};
  event.client = relayed ? *value.peer_address : in.from;
  event.relayed = relayed;
  event.noise = std::move(value.noise);
  core_.emit(std::move(event));
}

void Relay::answer_hello(Now, const HelloTicket& ticket, Bytes noise) {
  if (ticket.mode == static_cast<std::uint64_t>(RelayMode::from_client)) {
    Reply reply;
    reply.tid = ticket.tid;
    reply.value = encode_handshake({RelayMode::reply, std::move(noise), {}, {}});
    return core_.post(ticket.socket, ticket.from, std::move(reply));
  }
  Request request;
  request.tid = ticket.tid;
  request.command = static_cast<std::uint64_t>(Command::peer_handshake);
  request.target = ticket.target;
  request.value =
      encode_handshake({RelayMode::from_server, std::move(noise), ticket.peer_address, {}});
  const bool second = ticket.mode == static_cast<std::uint64_t>(RelayMode::from_second_relay);
  core_.post(ticket.socket, second ? *ticket.relay_address : ticket.from, std::move(request));
}

std::optional<Endpoint> Relay::way_to(Now now, const Target& target) {
  const auto forward = core_.records.forward(now, target);
  return forward ? std::optional(forward->relay) : std::nullopt;
}

void Relay::handle_holepunch(const Incoming& in) {
  auto value = decode_holepunch(*in.request.value);
  if (!value) return core_.drop(DropReason::bad_value);
  switch (value->mode) {
    case RelayMode::from_client: {
      const auto forward = way_to(in.now, *in.request.target);
      const auto to = value->peer_address ? value->peer_address : forward;
      if (!to) return server_.answer_closer(in.now, in.local, in.from, in.request);
      value->mode = RelayMode::from_relay;
      value->peer_address = in.from;
      if (pass_on(in, *to, to == forward, encode_holepunch(*value))) remember(in);
      return;
    }
    case RelayMode::from_server: {
      if (!value->peer_address) return core_.drop(DropReason::bad_value);
      const auto client = *value->peer_address;
      if (!take_relayed(in, client)) return core_.drop(DropReason::relay_unasked);
      value->mode = RelayMode::reply;
      value->peer_address = in.from;
      return pass_back(in, client, encode_holepunch(*value));
    }
    case RelayMode::from_relay:
      return handle_own(in, std::move(*value));
    default:
      return core_.drop(DropReason::bad_value);
  }
}

void Relay::handle_own(const Incoming& in, HolepunchValue value) {
  const bool is_for_us = core_.listening_under(*in.request.target) != nullptr;
  if (!is_for_us || !value.peer_address) return core_.drop(DropReason::bad_value);
  core_.emit(HolepunchReceived{.ticket = {.tid = in.request.tid,
                                          .mode = static_cast<std::uint64_t>(value.mode),
                                          .socket = in.local,
                                          .from = in.from,
                                          .peer_address = value.peer_address,
                                          .relay_address = std::nullopt,
                                          .target = *in.request.target},
                               .id = value.id,
                               .own_address = in.request.to,
                               .sealed = std::move(value.payload)});
}

bool Relay::pass_on(const Incoming& in, Endpoint to, bool asked_for, Bytes value) {
  if (!may_relay(in, to, asked_for)) return false;
  Request request;
  request.tid = in.request.tid;
  request.command = in.request.command;
  request.target = in.request.target;
  request.value = std::move(value);
  ++core_.stats.relayed;
  core_.post(in.local, to, std::move(request));
  return true;
}

void Relay::pass_back(const Incoming& in, Endpoint to, Bytes value) {
  Reply reply;
  reply.tid = in.request.tid;
  reply.value = std::move(value);
  ++core_.stats.relayed;
  core_.post(in.local, to, std::move(reply));
}

bool Relay::may_relay(const Incoming& in, Endpoint to, bool asked_for) {
  if (to.port == 0 || to.is_any() || (!asked_for && !may_hand_out(to, in.from))) {
    core_.drop(DropReason::relay_forbidden);
    return false;
  }
  const bool host_only = in.from.realm() == Realm::loopback;
  const bool limited = core_.options.reflection_budget && core_.options.defences.relay_limits;
  if (host_only || !limited) return true;
  const bool allowed = state().sources.allow(in.now.mono, in.from.ip) &&
                       state().destinations.allow(in.now.mono, key_of(to));
  if (!allowed) core_.drop(DropReason::relay_limit);
  return allowed;
}

void Relay::remember(const Incoming& in) {
  auto& relayed = state().relayed;
  std::erase_if(relayed, [&](const Relayed& entry) { return entry.until <= in.now.mono; });
  if (relayed.size() >= kMaxRemembered) relayed.erase(relayed.begin());
  relayed.push_back(
      {in.request.tid, first_bytes_of(*in.request.target), in.from, in.now.mono + kMemory});
}

bool Relay::take_relayed(const Incoming& in, Endpoint client) {
  if (!core_.options.defences.relay_memory) return true;
  if (!state_) return false;
  const auto target = first_bytes_of(*in.request.target);
  auto& relayed = state_->relayed;
  const auto found = std::find_if(relayed.begin(), relayed.end(), [&](const Relayed& entry) {
    return entry.tid == in.request.tid && entry.target == target && entry.client == client &&
           entry.until > in.now.mono;
  });
  if (found == relayed.end()) return false;
  relayed.erase(found);
  return true;
}

Relay::State& Relay::state() {
  if (!state_) state_ = std::make_unique<State>();
  return *state_;
}

std::size_t Relay::memory_bytes() const {
  if (!state_) return 0;
  return sizeof(State) + state_->relayed.capacity() * sizeof(Relayed) +
         state_->sources.memory_bytes() + state_->destinations.memory_bytes();
}

}  // namespace cip::dht
