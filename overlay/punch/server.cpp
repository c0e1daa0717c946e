#include "overlay/punch/server.hpp"

#include <utility>

namespace cip::overlay {

using dht::HelloError;

PunchServer::PunchServer(PunchRoom& room, PunchId id, Endpoint client)
    : room_(room),
      id_(id),
      side_(room, id, Role::responder, client),
      secret_(room.random().bytes<32>()) {}

void PunchServer::handle_request(Now now, PunchRequest request) {
  const auto& message = request.message;
  if (message.error != 0) {
    over_ = true;
    return;
  }
  if (static_cast<UdxSocket>(request.ticket.socket) == side_.socket()) {
    side_.nat().add(request.own_address, request.ticket.from);
  }
  const bool echoed = request.over_own_relay && message.remote_token &&
                      equal_secret(*message.remote_token, punch_token(secret_, request.peer.ip));
  if (message.round >= round_) {
    round_ = message.round;
    side_.take_remote(message, echoed ? request.peer.ip : 0);
  }
  if (waiting_.size() == kMaxWaiting) return;
  waiting_.push_back(std::move(request));
  answer_waiting(now);
}

void PunchServer::handle_seen(Now now, UdxSocket socket, Endpoint seen, Endpoint from) {
  side_.handle_seen(now, socket, seen, from);
  answer_waiting(now);
}

void PunchServer::handle_silence(Now now, UdxSocket socket) {
  side_.handle_silence(now, socket);
  answer_waiting(now);
}

// Another socket may stand behind a better NAT, unless the other side has begun already.
void PunchServer::answer_waiting(Now now) {
  if (waiting_.empty() || !side_.is_analysed()) return;
  const bool may_reopen = !side_.remote_punches() && side_.is_unstable();
  if (may_reopen && side_.reopen(now)) return answer_waiting(now);
  for (const auto& request : std::exchange(waiting_, {})) answer(now, request);
}

void PunchServer::answer(Now now, const PunchRequest& request) {
  PunchAnswer out{request.ticket, side_.socket(), {}};
  auto& message = out.message;
  message.firewall = static_cast<std::uint64_t>(side_.nat().firewall());
  message.round = round_;
  // The client has opened its NAT for this address: a probe gets through at once.
  const auto& opened_for = request.message.remote_address;
  if (side_.nat().firewall() == dht::Firewall::consistent && opened_for &&
      side_.nat().has(*opened_for)) {
    side_.probe(request.peer, ProbeReach::far);
  }
  message.error = begin(now);
  message.punching = side_.is_punching();
  message.addresses = side_.nat().addresses();
  if (request.over_own_relay) message.token = punch_token(secret_, request.peer.ip);
  message.remote_token = request.message.token;
  over_ = message.error == static_cast<std::uint64_t>(HelloError::aborted);
  answers_.push(std::move(out));
}

// The error that the other side is told.
std::uint64_t PunchServer::begin(Now now) {
  auto error = HelloError::none;
  if (side_.is_unstable()) {
    error = HelloError::aborted;
  } else if (side_.remote_punches() && !side_.is_punching()) {
    if (side_.needs_random_turn() && !room_.take_random_turn(now, id_)) {
      error = HelloError::try_later;
    } else {
      side_.nat().freeze();
      if (!side_.punch(now)) error = HelloError::aborted;
    }
  }
  return static_cast<std::uint64_t>(error);
}

void PunchServer::handle_probe(UdxSocket socket, Endpoint from) {
  room_.probe({socket, from, ProbeReach::far});
}

}  // namespace cip::overlay
