#include "dht/holepunches.hpp"

#include <utility>

#include "dht/payloads.hpp"

namespace cip::dht {
namespace {

// The peer may wait until it knows its own NAT before it answers.
constexpr Duration kPeerWaits = std::chrono::milliseconds(500);

}  // namespace

RequestId Holepunches::send(Now now, SocketRole socket, Endpoint via, Holepunch message) {
  const auto fail_at_once = [&](Errc error) {
    const auto id = core_.rpc.burn_id();
    core_.emit(HolepunchFailed{id, make_error_code(error)});
    return id;
  };
  if (NodeCore::is_refused(via) || core_.is_own(via)) return fail_at_once(Errc::not_a_relay);
  Call call;
  call.to = via;
  call.request.command = static_cast<std::uint64_t>(Command::peer_holepunch);
  call.request.target = message.target;
  call.request.value = encode_holepunch(
      {RelayMode::from_client, message.id, std::move(message.sealed), message.peer});
  call.purpose = Purpose::holepunch;
  call.round_trip = Rpc::kMaxTimeout / 3;  // a relay adds a leg to the way
  call.extra_wait = kPeerWaits;
  const auto id = core_.send(now, std::move(call), socket);
  core_.flush();
  return id == RequestId{} ? fail_at_once(Errc::too_many) : id;
}

void Holepunches::answer(SocketRole socket, const HelloTicket& ticket, Bytes sealed) {
  Request request;
  request.tid = ticket.tid;
  request.command = static_cast<std::uint64_t>(Command::peer_holepunch);
  request.target = ticket.target;
  request.value =
      encode_holepunch({RelayMode::from_server, 0, std::move(sealed), ticket.peer_address});
  core_.post(socket, ticket.from, std::move(request));
}

void Holepunches::handle_reply(const Rpc::Answered& answered, const Reply& reply) {
  const auto fail_with = [&](Errc error) {
    core_.emit(HolepunchFailed{answered.id, make_error_code(error)});
  };
  if (reply.error != 0) return fail_with(Errc::refused);
  if (!reply.value) return fail_with(Errc::not_a_relay);
  auto value = decode_holepunch(*reply.value);
  if (!value || value->mode != RelayMode::reply || !value->peer_address) {
    return fail_with(Errc::malformed_reply);
  }
  core_.emit(HolepunchReply{.request = answered.id,
                            .from = answered.call.to,
                            .own_address = reply.to,
                            .peer = *value->peer_address,
                            .sealed = std::move(value->payload)});
}

void Holepunches::handle_failure(const Rpc::Overdue& overdue) {
  core_.emit(HolepunchFailed{overdue.id, make_error_code(Errc::request_timeout)});
}

}  // namespace cip::dht
