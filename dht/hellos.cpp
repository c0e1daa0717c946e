#include "dht/hellos.hpp"

#include <utility>

#include "dht/payloads.hpp"

namespace cip::dht {

RequestId Hellos::send(Now now, Endpoint via, const Target& target, Bytes noise,
                       std::optional<Endpoint> relay) {
  if (NodeCore::is_refused(via)) return fail_at_once(via, Errc::not_a_relay);
  Call call;
  call.to = via;
  // The peer may have announced itself here: then we are the relay, and greet it directly.
  if (core_.is_own(via) && core_.listening_under(target) == nullptr) {
    const auto way = relay ? relay : relay_.way_to(now, target);
    if (!way) return fail_at_once(via, Errc::not_a_relay);
    call.to = *way;
    relay.reset();
  }
  call.request.command = static_cast<std::uint64_t>(Command::peer_handshake);
  call.request.target = target;
  call.request.value =
      encode_handshake({RelayMode::from_client, std::move(noise), std::nullopt, relay});
  call.purpose = Purpose::hello;
  // A relay adds a leg to the way, so the round trip to it says little. And the peer has work to
  // do.
  call.round_trip = Rpc::kMaxTimeout / 3;
  const auto id = core_.send(now, std::move(call));
  return id == RequestId{} ? fail_at_once(via, Errc::too_many) : id;
}

RequestId Hellos::fail_at_once(Endpoint via, Errc error) {
  const auto id = core_.rpc.burn_id();
  core_.emit(HelloFailed{id, via, make_error_code(error)});
  return id;
}

void Hellos::handle_reply(const Rpc::Answered& answered, const Reply& reply) {
  const auto from = answered.call.to;
  const auto fail_with = [&](Errc error) {
    core_.emit(HelloFailed{answered.id, from, make_error_code(error)});
  };
  if (reply.error != 0) return fail_with(Errc::refused);
  if (!reply.value) return fail_with(Errc::not_a_relay);
  auto value = decode_handshake(*reply.value);
  if (!value || value->mode != RelayMode::reply || value->noise.empty()) {
    return fail_with(Errc::malformed_reply);
  }
  core_.emit(HelloReply{.request = answered.id,
                        .from = from,
                        .server = value->peer_address,
                        .own_address = reply.to,
                        .socket = answered.call.socket,
                        .noise = std::move(value->noise),
                        .rtt = answered.round_trip});
}

void Hellos::handle_failure(const Rpc::Overdue& overdue) {
  core_.emit(HelloFailed{overdue.id, overdue.call.to, make_error_code(Errc::request_timeout)});
}

}  // namespace cip::dht
