#include "overlay/punch/client.hpp"

#include <algorithm>
#include <utility>

#include "base/machine.hpp"
#include "overlay/errors.hpp"

namespace cip::overlay {
namespace {

using dht::Firewall;

// For a peer that does not know its NAT yet.
constexpr Duration kPeerLearns = std::chrono::seconds(1);

// The relay of the hello, if the peer names it, has shown that it answers.
HolepunchRelay relay_to_ask(const PunchOffer& offer) {
  const auto same = std::ranges::find(offer.relays, offer.via, &HolepunchRelay::relay);
  return same != offer.relays.end() ? *same : offer.relays.front();
}

}  // namespace

PunchClient::PunchClient(PunchRoom& room, PunchId id, PunchOffer offer)
    : room_(room),
      id_(id),
      offer_(std::move(offer)),
      relay_(relay_to_ask(offer_)),
      side_(room, id, Role::initiator, offer_.server),
      secret_(room.random().bytes<32>()) {}

void PunchClient::start(Now now) {
  if (!side_.open(now)) return handle_no_socket();
  ask_round(now);
}

void PunchClient::handle_no_socket() { error_ = make_error_code(Errc::too_many_punches); }

PunchMessage PunchClient::message() const {
  PunchMessage out;
  out.firewall = static_cast<std::uint64_t>(side_.nat().firewall());
  out.addresses = side_.nat().addresses();
  out.round = round_;
  return out;
}

// The near probe opens the own NAT for what the peer sends at once, if its NAT is a plain one.
void PunchClient::ask_round(Now now) {
  stage_ = Stage::asks;
  side_.probe(offer_.server, ProbeReach::near);
  auto out = message();
  out.remote_address = offer_.server;
  ++round_;
  room_.ask(now, id_, relay_.relay, relay_.peer, out);
}

void PunchClient::handle_reply(Now now, UdxSocket socket, const PunchMessage& message,
                               Endpoint own_address, Endpoint relay, Endpoint peer) {
  if (hole_ || error_ || socket != side_.socket()) return;
  side_.nat().add(own_address, relay);
  const auto own_token = punch_token(secret_, peer.ip);
  const bool echoed = message.remote_token && equal_secret(*message.remote_token, own_token);
  side_.take_remote(message, echoed ? peer.ip : 0);
  if (message.error != 0) {
    error_ = make_error_code(why_refused(message));
    return;
  }
  if (message.token) remote_token_ = message.token;
  if (stage_ == Stage::agrees) {
    stage_ = Stage::punches;
    const bool punches = side_.remote_punches() && side_.punch(now);
    if (!punches) error_ = make_error_code(Errc::punch_refused);
    return;
  }
  if (side_.remote() != Firewall::random && !message.addresses.empty() &&
      message.addresses.front() != offer_.server) {
    side_.probe(message.addresses.front(), ProbeReach::near);
  }
  stage_ = Stage::analyses;
  if (side_.remote() != Firewall::unknown) return proceed(now);
  stage_ = Stage::pauses;
  pause_until_ = now.mono + kPeerLearns;
}

Errc PunchClient::why_refused(const PunchMessage& message) const {
  if (message.error == static_cast<std::uint64_t>(dht::HelloError::try_later)) {
    return Errc::punch_busy;
  }
  const bool both_random =
      side_.nat().firewall() == Firewall::random && side_.remote() == Firewall::random;
  return both_random ? Errc::both_nats_random : Errc::punch_refused;
}

void PunchClient::handle_no_reply() {
  if (!hole_ && !error_ && stage_ != Stage::punches) {
    error_ = make_error_code(Errc::punch_unanswered);
  }
}

void PunchClient::handle_seen(Now now, UdxSocket socket, Endpoint seen, Endpoint from) {
  side_.handle_seen(now, socket, seen, from);
  if (stage_ == Stage::analyses) proceed(now);
}

void PunchClient::handle_silence(Now now, UdxSocket socket) {
  side_.handle_silence(now, socket);
  if (stage_ == Stage::analyses) proceed(now);
}

// Both sides have said what they know: agrees to begin, or asks once more.
void PunchClient::proceed(Now now) {
  if (hole_ || error_ || !side_.is_analysed()) return;
  if (side_.is_unstable() && side_.reopen(now)) {
    moved_ = true;
    return proceed(now);
  }
  if (std::exchange(moved_, false)) {
    asked_again_ = true;
    return ask_round(now);
  }
  const bool peer_unknown = side_.remote() == Firewall::unknown;
  if ((peer_unknown || !remote_token_) && !std::exchange(asked_again_, true)) {
    return ask_round(now);
  }
  if (peer_unknown || side_.nat().firewall() == Firewall::unknown) {
    return abort(now, make_error_code(Errc::nat_unknown));
  }
  if (side_.is_unstable()) return abort(now, make_error_code(Errc::both_nats_random));
  agree(now);
}

// By way of the relay that the hello went through: that both sides get their tokens back over
// relays that the other one chose shows that they read at their addresses.
void PunchClient::agree(Now now) {
  side_.nat().freeze();
  if (side_.needs_random_turn() && !room_.take_random_turn(now, id_)) {
    return abort(now, make_error_code(Errc::punch_busy));
  }
  stage_ = Stage::agrees;
  auto out = message();
  out.punching = true;
  out.token = punch_token(secret_, offer_.server.ip);
  out.remote_token = remote_token_;
  ++round_;
  room_.ask(now, id_, offer_.via, offer_.server, out);
}

// The peer is told, and need not wait.
void PunchClient::abort(Now now, std::error_code error) {
  auto out = message();
  out.error = static_cast<std::uint64_t>(dht::HelloError::aborted);
  room_.ask(now, id_, relay_.relay, relay_.peer, out);
  error_ = error;
}

void PunchClient::handle_probe(UdxSocket socket, Endpoint from) {
  if (!hole_ && !error_) hole_ = PunchHole{socket, from};
}

void PunchClient::handle_timeout(Now now) {
  if (hole_ || error_) return;
  if (pause_until_ && *pause_until_ <= now.mono) {
    pause_until_.reset();
    stage_ = Stage::analyses;
    proceed(now);
  }
  side_.handle_timeout(now);
  if (side_.has_given_up()) error_ = make_error_code(Errc::punch_unheard);
}

std::optional<TimePoint> PunchClient::next_timeout() const {
  if (hole_ || error_) return std::nullopt;
  return earliest({pause_until_, side_.next_timeout()});
}

}  // namespace cip::overlay
