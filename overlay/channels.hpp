#pragma once

// The channels on connections: hands what their multiplexers report to the protocols
// (ChannelHandler), and does what protocols ask for (Streams).

#include <string_view>
#include <vector>

#include "overlay/channel_handler.hpp"
#include "overlay/connection_table.hpp"

namespace cip::overlay {

class Channels final : public Streams {
 public:
  explicit Channels(ConnectionTable& table) : table_(table) {}
  // Before the first stream; it outlives this.
  void add_protocol(ChannelHandler& handler) { handlers_.push_back(&handler); }

  // --- inputs

  void handle_opened(Now now, const Connection& connection);
  void handle_ended(Now now, const Connection& connection);
  // Its multiplexer has taken a frame.
  void drain(Now now, Connection& connection);
  // Opens the channel for a target, in the protocol that serves it.
  void open_target(Now now, ConnId conn, const Bytes32& target);
  // Who waits for room that is there goes on; then every protocol sends what it gathered.
  void end_turn(Now now);

  // --- Streams: for the protocols

  ChannelId open_channel(ConnId conn, std::string_view protocol, ByteView id,
                         ByteView handshake) override;
  void reject_channel(ConnId conn, ChannelId remote_channel) override;
  void send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView payload) override;
  void send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView head,
            ByteView tail) override;
  void close_channel(ConnId conn, ChannelId channel) override;
  void destroy(ConnId conn, std::string_view why, std::error_code error) override;
  bool is_writable(ConnId conn) const override;
  void hold_reading(ConnId conn) override;
  void release_reading(ConnId conn) override;
  StreamHeard heard(ConnId conn) const override;

 private:
  void handle_mux_event(Now now, Connection& connection, const MuxEvent& event);
  ChannelHandler* handler_of(std::string_view protocol) const;

  ConnectionTable& table_;
  std::vector<ChannelHandler*> handlers_;
  Now now_;  // of the last turn
};

}  // namespace cip::overlay
