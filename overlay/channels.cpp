#include "overlay/channels.hpp"
namespace cip::overlay {

ChannelHandler* Channels::handler_of(std::string_view protocol) const {
  for (auto* handler : handlers_) {
    if (handler->protocol() == protocol) return handler;
  }
  return nullptr;
}

// --- Inputs ----------------------------------------------------------------------------------

void Channels::handle_opened(Now now, const Connection& connection) {
  for (auto* handler : handlers_) handler->stream_opened(now, connection.info);
}

void Channels::handle_ended(Now now, const Connection& connection) {
  for (auto* handler : handlers_) handler->stream_closed(now, connection.info.conn);
}

void Channels::open_target(Now now, ConnId conn, const Bytes32& target) {
  for (auto* handler : handlers_) {
    if (handler->open_for(now, conn, target)) return;
  }
}

void Channels::end_turn(Now now) {
  now_ = now;
  for (const auto& [conn, connection] : table_.all()) {
    if (!connection->blocked || !connection->can_take_more()) continue;
    connection->blocked = false;
    for (auto* handler : handlers_) handler->writable(now, conn);
  }
  for (auto* handler : handlers_) handler->turn_ended(now);
}

void Channels::drain(Now now, Connection& connection) {
  while (!connection.doomed) {
    const auto event = connection.mux->poll_event();
    if (!event) return;
    handle_mux_event(now, connection, *event);
  }
}

void Channels::handle_mux_event(Now now, Connection& connection, const MuxEvent& event) {
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

ChannelId Channels::open_channel(ConnId conn, std::string_view protocol, ByteView id,
                                 ByteView handshake) {
  auto* connection = table_.find(conn);
  auto* handler = handler_of(protocol);
  if (connection == nullptr || !connection->mux || handler == nullptr) return 0;
  const auto channel = connection->mux->open(protocol, id, handshake);
  connection->channels[channel] = handler;
  table_.mark(*connection);
  return channel;
}

void Channels::reject_channel(ConnId conn, ChannelId remote_channel) {
  auto* connection = table_.find(conn);
  if (connection == nullptr || !connection->mux) return;
  connection->mux->reject(remote_channel);
  table_.mark(*connection);
}

void Channels::send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView payload) {
  send(conn, channel, type, payload, {});
}

void Channels::send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView head,
                    ByteView tail) {
  auto* connection = table_.find(conn);
  if (connection == nullptr || !connection->mux || connection->doomed) return;
  connection->mux->send(channel, type, head, tail);
  table_.mark(*connection);
}

void Channels::close_channel(ConnId conn, ChannelId channel) {
  auto* connection = table_.find(conn);
  if (connection == nullptr || !connection->mux) return;
  connection->channels.erase(channel);
  connection->mux->close(channel);
  table_.mark(*connection);
}

void Channels::destroy(ConnId conn, std::string_view why, std::error_code error) {
  auto* connection = table_.find(conn);
  if (connection == nullptr) return;
  table_.doom(*connection, error, std::string(why));
}

bool Channels::is_writable(ConnId conn) const {
  auto* connection = table_.find(conn);
  if (connection == nullptr) return false;
  if (connection->can_take_more()) return true;
  connection->blocked = true;
  return false;
}

void Channels::hold_reading(ConnId conn) {
  auto* connection = table_.find(conn);
  if (connection == nullptr) return;
  ++connection->holds;
  table_.update_hold(*connection);
}

void Channels::release_reading(ConnId conn) {
  auto* connection = table_.find(conn);
  if (connection == nullptr || connection->holds == 0) return;
  --connection->holds;
  table_.update_hold(*connection);
}

StreamHeard Channels::heard(ConnId conn) const {
  const auto* connection = table_.find(conn);
  if (connection == nullptr || !connection->stream) return {};
  if (connection->held) return {now_.mono, now_.mono};  // it is we who do not listen
  return {connection->stream->last_read(), connection->stream->last_message()};
}

}  // namespace cip::overlay
