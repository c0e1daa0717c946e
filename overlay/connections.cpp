// From links to open streams, and the end of both.

#include "overlay/connections.hpp"

#include <algorithm>
#include <utility>

#include "base/machine.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::overlay {

Connections::Connections(const KeyPair& identity, const PendingHellos& pending, Random& random,
                         StreamPolicy& policy)
    : identity_(identity), pending_(pending), random_(random), policy_(policy) {}

// --- Commands --------------------------------------------------------------------------------

Connection& Connections::open(Now now, const Candidate& to, Opening how) {
  auto& connection = table_.add(now, to, true);
  connection.opening = std::move(how);
  table_.act(LinkOpen{connection.info.conn, to, connection.opening.udx});
  return connection;
}

bool Connections::expect(Now now, const Candidate& from, HelloId hello, Opening how) {
  if (stopped_ || !may_accept(from)) return false;
  auto& connection = add_accepted(now, from);
  connection.hello = hello;
  connection.opening = std::move(how);
  table_.act(LinkOpen{connection.info.conn, from, connection.opening.udx});
  return true;
}

void Connections::stop() {
  stopped_ = true;
  for (auto& [conn, connection] : table_.all()) table_.doom(*connection, {}, "stopped");
}

// --- Inputs ----------------------------------------------------------------------------------

ConnId Connections::handle_accepted(Now now, const Candidate& remote) {
  if (stopped_ || !may_accept(remote)) return 0;
  auto& connection = add_accepted(now, remote);
  connection.stream = SecretStream::accept(now, identity_, pending_, random_);
  return connection.info.conn;
}

bool Connections::may_accept(const Candidate& remote) {
  const auto limit =
      remote.address.realm() == Realm::loopback ? kMaxUnprovenLoopback : kMaxUnprovenPerIp;
  const auto found = unproven_.find(remote.address.ip);
  const bool full =
      unproven_total_ >= kMaxUnproven || (found != unproven_.end() && found->second >= limit);
  if (full) ++counters_.closed["too many unproven"];
  return !full;
}

Connection& Connections::add_accepted(Now now, const Candidate& remote) {
  ++counters_.accepted;
  auto& connection = table_.add(now, remote, false);
  connection.is_unproven = true;
  ++unproven_[remote.address.ip];
  ++unproven_total_;
  return connection;
}

void Connections::note_proven(Connection& connection) {
  count_unproven_out(connection);
  if (connection.info.remote.kind == LinkKind::udx && !std::exchange(connection.trusted, true)) {
    table_.act(LinkTrust{connection.info.conn});
  }
}

void Connections::count_unproven_out(Connection& connection) {
  if (!std::exchange(connection.is_unproven, false)) return;
  --unproven_total_;
  const auto found = unproven_.find(connection.info.remote.address.ip);
  if (found != unproven_.end() && --found->second == 0) unproven_.erase(found);
}

void Connections::handle_connected(Now now, ConnId conn) {
  auto* connection = table_.find(conn);
  if (connection == nullptr || connection->stream) return;
  if (connection->info.outgoing) ++counters_.dialled;
  const auto& how = connection->opening;
  if (how.keys && how.keys->of_stock) {
    connection->stream = SecretStream::open_stock(now, *how.keys, random_);
  } else if (how.keys) {
    connection->stream = SecretStream::dial_bound(now, connection->hello, *how.keys, random_);
  } else {
    connection->stream = SecretStream::dial_xx(now, identity_, random_, how.expected);
  }
  table_.mark(*connection);
}

void Connections::handle_bytes(Now now, ConnId conn, MutableByteView bytes) {
  auto* connection = table_.find(conn);
  if (connection == nullptr || !connection->stream || connection->doomed) return;
  connection->bytes_in += bytes.size();
  connection->stream->handle_bytes(now, bytes);
  drain_stream(now, *connection);
  bound_unfinished(*connection);
  table_.update_hold(*connection);
}

void Connections::handle_closed(Now now, ConnId conn, std::error_code error) {
  if (table_.find(conn) == nullptr) return;
  close(now, conn, error ? error : make_error_code(StreamErrc::ended),
        error ? "transport" : "ended", true);
}

void Connections::handle_full(ConnId conn) {
  if (auto* connection = table_.find(conn)) connection->driver_full = true;
}

void Connections::handle_drained(Now, ConnId conn) {
  if (auto* connection = table_.find(conn)) connection->driver_full = false;
}

void Connections::handle_timeout(Now now) {
  std::vector<ConnId> due;
  for (const auto& [conn, connection] : table_.all()) {
    if (connection->superseded && *connection->superseded <= now.mono) {
      table_.doom(*connection, {}, "superseded");
    }
    if (!connection->stream) continue;
    const auto at = connection->stream->next_timeout();
    if (at && *at <= now.mono) due.push_back(conn);
  }
  for (const auto conn : due) {
    auto* connection = table_.find(conn);
    connection->stream->handle_timeout(now);
    drain_stream(now, *connection);
    table_.mark(*connection);
  }
}

// --- Streams that open -----------------------------------------------------------------------

void Connections::drain_stream(Now now, Connection& connection) {
  while (!connection.doomed) {
    const auto event = connection.stream->poll_event();
    if (!event) break;
    if (const auto* message = std::get_if<StreamMessage>(&*event)) {
      if (!connection.mux->handle_frame(message->plaintext)) {
        table_.doom(connection, make_error_code(StreamErrc::malformed_message),
                    "malformed message");
      }
      channels_.drain(now, connection);
    } else if (std::holds_alternative<StreamOpened>(*event)) {
      stream_opened(now, connection);
    } else if (std::holds_alternative<BoundProven>(*event)) {
      policy_.proven(now, connection);
    } else if (const auto* closed = std::get_if<StreamClosed>(&*event)) {
      table_.doom(connection, closed->error, closed->error.message());
    }
  }
  if (connection.stream->is_proven()) note_proven(connection);
  table_.mark(connection);
}

void Connections::stream_opened(Now now, Connection& connection) {
  auto& info = connection.info;
  const auto& stream = *connection.stream;
  info.peer = stream.remote_key();
  info.handshake_hash = stream.handshake_hash();
  info.initiator = stream.role() == Role::initiator;
  info.bound = stream.hello().has_value();
  if (info.bound) connection.hello = *stream.hello();
  if (!policy_.admit(now, connection)) return;
  ++(info.bound ? counters_.opened_bound : counters_.opened_xx);
  connection.mux.emplace(*connection.stream);
  connection.is_open = true;
  connection.since = now.mono;
  channels_.handle_opened(now, connection);
  policy_.opened(now, connection);
}

// Above the bound for all streams the one with the largest unfinished frame goes.
void Connections::bound_unfinished(Connection& fresh) {
  if (fresh.stream->unfinished_bytes() < kMaxUnfinishedBytes / kMaxStreams) return;
  std::size_t total = 0;
  Connection* largest = &fresh;
  for (const auto& [conn, connection] : table_.all()) {
    if (!connection->stream || connection->doomed) continue;
    const auto size = connection->stream->unfinished_bytes();
    total += size;
    if (size > largest->stream->unfinished_bytes()) largest = connection.get();
  }
  if (total > kMaxUnfinishedBytes) {
    table_.doom(*largest, make_error_code(StreamErrc::too_much_buffered), "unfinished frames");
  }
}

// --- Turns -----------------------------------------------------------------------------------

void Connections::close_doomed(Now now) {
  now_ = now;
  while (const auto* doomed = table_.next_doomed()) {
    close(now, doomed->info.conn, doomed->doom_error, doomed->doom_reason, false);
  }
}

void Connections::close(Now now, ConnId conn, std::error_code error, const std::string& reason,
                        bool link_gone) {
  const auto connection = table_.remove(conn);
  count_unproven_out(*connection);
  // Who comes and goes without a byte looked whether the port is open, as `doctor` does.
  const bool was_a_look = link_gone && !connection->info.outgoing && connection->bytes_in == 0;
  if (!was_a_look) ++counters_.closed[reason];
  if (!link_gone) {
    // What was said before (closes of channels, the end of an answer) still goes out.
    if (connection->mux && !error) connection->mux->flush();
    if (connection->stream) {
      auto rest = connection->stream->poll_output(now);
      if (!rest.empty()) table_.act(LinkWrite{conn, std::move(rest)});
    }
    table_.act(LinkClose{conn, static_cast<bool>(error)});
  }
  if (connection->is_open) channels_.handle_ended(now, *connection);
  policy_.ended(now, *connection, error, reason);
}

std::optional<TimePoint> Connections::next_timeout() const {
  Earliest next;
  for (const auto& [conn, connection] : table_.all()) {
    if (connection->stream) next.consider(connection->stream->next_timeout());
    next.consider(connection->superseded);
    // Somebody waits for room that is there already: go on at once.
    if (connection->blocked && connection->can_take_more()) next.consider(now_.mono);
  }
  return next.get();
}

}  // namespace cip::overlay
