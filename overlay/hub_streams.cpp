// The half of Hub that protocols on channels see: Streams, and what the multiplexer reports.

#include <algorithm>
#include <utility>

#include "overlay/hub.hpp"
#include "overlay/hub_connection.hpp"

namespace cip::overlay {

Hub::Connection* Hub::find(ConnId conn) const {
  const auto found = connections_.find(conn);
  return found != connections_.end() ? found->second.get() : nullptr;
}

Hub::Connection& Hub::add_connection(Now now, Candidate remote, bool outgoing) {
  auto connection = std::make_unique<Connection>();
  connection->info.conn = next_conn_++;
  connection->info.remote = remote;
  connection->info.outgoing = outgoing;
  connection->since = now.mono;
  const auto conn = connection->info.conn;
  return *connections_.emplace(conn, std::move(connection)).first->second;
}

ConnId Hub::open_link(Now now, Candidate to) {
  const auto conn = add_connection(now, to, true).info.conn;
  actions_.push_back(LinkOpen{conn, to});
  return conn;
}

ChannelHandler* Hub::handler_of(std::string_view protocol) const {
  for (auto* handler : handlers_) {
    if (handler->protocol() == protocol) return handler;
  }
  return nullptr;
}

// --- What the multiplexer reports ------------------------------------------------------------

void Hub::drain_mux(Now now, Connection& connection) {
  while (!connection.doomed) {
    const auto event = connection.mux->poll_event();
    if (!event) return;
    handle_mux_event(now, connection, *event);
  }
}

void Hub::handle_mux_event(Now now, Connection& connection, const MuxEvent& event) {
  const auto conn = connection.info.conn;
  if (const auto* message = std::get_if<ChannelMessage>(&event)) {
    const auto found = connection.channels.find(message->channel);
    if (found == connection.channels.end()) return;
    found->second->channel_message(now, conn, message->channel, message->type, message->payload);
  } else if (const auto* requested = std::get_if<ChannelRequested>(&event)) {
    auto* handler = handler_of(requested->protocol);
    if (handler == nullptr) return connection.mux->reject(requested->remote_channel);
    handler->channel_requested(now, conn, requested->remote_channel, requested->id,
                               requested->handshake);
  } else if (const auto* opened = std::get_if<ChannelOpened>(&event)) {
    const auto found = connection.channels.find(opened->channel);
    if (found == connection.channels.end()) return;
    found->second->channel_opened(now, conn, opened->channel, opened->id, opened->handshake);
  } else if (const auto* closed = std::get_if<ChannelClosed>(&event)) {
    const auto found = connection.channels.find(closed->channel);
    if (found == connection.channels.end()) return;
    auto* handler = found->second;
    connection.channels.erase(found);
    handler->channel_closed(now, conn, closed->channel);
  }
}

// --- Streams ---------------------------------------------------------------------------------

ChannelId Hub::open_channel(ConnId conn, std::string_view protocol, ByteView id,
                            ByteView handshake) {
  auto* connection = find(conn);
  auto* handler = handler_of(protocol);
  if (connection == nullptr || !connection->mux || handler == nullptr) return 0;
  const auto channel = connection->mux->open(protocol, id, handshake);
  connection->channels[channel] = handler;
  mark(*connection);
  return channel;
}

void Hub::reject_channel(ConnId conn, ChannelId remote_channel) {
  auto* connection = find(conn);
  if (connection == nullptr || !connection->mux) return;
  connection->mux->reject(remote_channel);
  mark(*connection);
}

void Hub::send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView payload) {
  send(conn, channel, type, payload, {});
}

void Hub::send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView head, ByteView tail) {
  auto* connection = find(conn);
  if (connection == nullptr || !connection->mux || connection->doomed) return;
  connection->mux->send(channel, type, head, tail);
  mark(*connection);
}

void Hub::close_channel(ConnId conn, ChannelId channel) {
  auto* connection = find(conn);
  if (connection == nullptr || !connection->mux) return;
  connection->channels.erase(channel);
  connection->mux->close(channel);
  mark(*connection);
}

void Hub::destroy(ConnId conn, std::string_view why, std::error_code error) {
  auto* connection = find(conn);
  if (connection == nullptr) return;
  doom(*connection, error, std::string(why));
}

bool Hub::is_writable(ConnId conn) const {
  auto* connection = find(conn);
  if (connection == nullptr) return false;
  if (connection->can_take_more()) return true;
  connection->blocked = true;
  return false;
}

void Hub::hold_reading(ConnId conn) {
  auto* connection = find(conn);
  if (connection == nullptr) return;
  ++connection->holds;
  update_hold(*connection);
}

void Hub::release_reading(ConnId conn) {
  auto* connection = find(conn);
  if (connection == nullptr || connection->holds == 0) return;
  --connection->holds;
  update_hold(*connection);
}

StreamHeard Hub::heard(ConnId conn) const {
  const auto* connection = find(conn);
  if (connection == nullptr || !connection->stream) return {};
  if (connection->held) return {now_.mono, now_.mono};  // it is we who do not listen
  return {connection->stream->last_read(), connection->stream->last_message()};
}

// --- What is known ---------------------------------------------------------------------------

std::vector<StreamStatus> Hub::streams() const {
  std::vector<StreamStatus> out;
  for (const auto& [conn, connection] : connections_) {
    if (!connection->is_open) continue;
    out.push_back({connection->info, connection->since, connection->bytes_in, connection->bytes_out,
                   connection->mux->channel_count()});
  }
  return out;
}

// The latest one, should there be two for a moment.
std::optional<StreamInfo> Hub::stream_to(const PublicKey& peer) const {
  for (auto at = connections_.rbegin(); at != connections_.rend(); ++at) {
    const auto& connection = *at->second;
    if (connection.is_open && !connection.doomed && connection.info.peer == peer) {
      return connection.info;
    }
  }
  return std::nullopt;
}

}  // namespace cip::overlay
