// The half of Hub that decides which streams stay: from bytes to an open stream with its channels.

#include <algorithm>
#include <utility>

#include "overlay/hub.hpp"
#include "overlay/hub_connection.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::overlay {
namespace {

// A stream that its peer has replaced by a newer one lives on for this long, should the peer decide
// for the older one.
constexpr Duration kSupersededLife = std::chrono::seconds(5);

}  // namespace

// --- Streams that open -----------------------------------------------------------------------

void Hub::drain_stream(Now now, Connection& connection) {
  while (!connection.doomed) {
    const auto event = connection.stream->poll_event();
    if (!event) break;
    if (connection.stream->is_proven()) note_proven(connection);
    if (const auto* message = std::get_if<StreamMessage>(&*event)) {
      if (!connection.mux->handle_frame(message->plaintext)) {
        doom(connection, make_error_code(StreamErrc::malformed_message), "malformed message");
      }
      drain_mux(now, connection);
    } else if (std::holds_alternative<StreamOpened>(*event)) {
      stream_opened(now, connection);
    } else if (std::holds_alternative<BoundProven>(*event)) {
      bound_proven(now, connection);
    } else if (const auto* closed = std::get_if<StreamClosed>(&*event)) {
      doom(connection, closed->error, closed->error.message());
    }
  }
  mark(connection);
}

void Hub::stream_opened(Now now, Connection& connection) {
  auto& info = connection.info;
  const auto& stream = *connection.stream;
  note_proven(connection);
  info.peer = stream.remote_key();
  info.handshake_hash = stream.handshake_hash();
  info.initiator = stream.role() == Role::initiator;
  info.bound = stream.is_bound();
  if (const auto hello = stream.hello()) connection.hello = *hello;
  if (connection.hello != 0) close_siblings(connection);
  if (const auto why = refusal(connection)) {
    return doom(connection, why->error, std::string(why->reason));
  }
  for (const auto& target : connection.targets) wanted_[info.peer].insert(target);
  if (yields_to_other(now, connection)) return;
  ++(info.bound ? counters_.opened_bound : counters_.opened_xx);
  connection.mux.emplace(*connection.stream);
  connection.is_open = true;
  connection.since = now.mono;
  for (auto* handler : handlers_) handler->stream_opened(now, info);
  if (swarm_) swarm_->stream_up(now, info.peer);
  events_.push(StreamUp{info});
  open_targets(now, connection);
}

// Why a stream with this peer is not wanted; nothing: it is.
std::optional<Hub::Refusal> Hub::refusal(const Connection& connection) const {
  const auto& peer = connection.info.peer;
  if (peer == options_.identity.public_key) return Refusal{Errc::own_key, "own key"};
  if (options_.deny.contains(peer)) return Refusal{Errc::not_allowed, "denied"};
  if (options_.allow && !options_.allow->contains(peer)) {
    return Refusal{Errc::not_allowed, "not allowed"};
  }
  const auto open = std::count_if(connections_.begin(), connections_.end(),
                                  [](const auto& item) { return item.second->is_open; });
  if (!connection.info.outgoing && open >= static_cast<std::ptrdiff_t>(kMaxStreams)) {
    return Refusal{Errc::too_many_streams, "too many streams"};
  }
  return std::nullopt;
}

// One stream per pair of peers. Of two that both sides began at the same time the one stays whose
// initiator has the greater key. Of two that one side began, that side decides: it keeps the first,
// so if a second one opens nevertheless it has lost the first. True: the new one is given up.
bool Hub::yields_to_other(Now now, Connection& connection) {
  const auto existing = stream_to(connection.info.peer);
  if (!existing) return false;
  auto& old = *find(existing->conn);
  if (old.info.initiator == connection.info.initiator && !connection.info.initiator) {
    old.superseded = now.mono + kSupersededLife;
    return false;
  }
  const bool own_key_is_greater = options_.identity.public_key > connection.info.peer;
  if (old.info.initiator != connection.info.initiator &&
      connection.info.initiator == own_key_is_greater) {
    doom(old, make_error_code(StreamErrc::not_chosen), "other stream of this peer");
    return false;
  }
  if (connection.user_dial) events_.push(StreamUp{old.info, connection.info.conn});
  connection.user_dial = false;
  open_targets(now, old);
  doom(connection, make_error_code(StreamErrc::not_chosen), "other stream of this peer");
  return true;
}

void Hub::open_targets(Now now, Connection& connection) {
  std::set<Bytes32> targets;
  if (const auto found = wanted_.find(connection.info.peer); found != wanted_.end()) {
    targets = found->second;
  }
  if (swarm_) {
    for (const auto& target : swarm_->targets_of(connection.info.peer)) targets.insert(target);
  }
  for (const auto& target : targets) open_target(now, connection.info.conn, target);
}

void Hub::open_target(Now now, ConnId conn, const Bytes32& target) {
  for (auto* handler : handlers_) {
    if (handler->open_for(now, conn, target)) return;
  }
}

}  // namespace cip::overlay
