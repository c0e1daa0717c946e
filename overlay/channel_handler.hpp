#pragma once

// The seam between the Hub, which owns connections, and the protocols that live on channels of
// them (feed replication, topics). A protocol is a machine that implements ChannelHandler; it acts
// on connections through Streams, which the Hub implements. Both outlive each other's calls: the
// owner of the Hub builds Hub and handlers together and drops them together.
//
// Calls into a handler never nest: from inside a handler, Streams only queues what the Hub sends,
// and a close() or destroy() is reported to nobody but later, by stream_closed().

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/time.hpp"
#include "overlay/transport/link.hpp"

namespace cip::overlay {

// Own number of a channel on its connection (feeds.md 4); reused after a close.
using ChannelId = std::uint32_t;

// What is known of an open stream once both sides are proven.
struct StreamInfo {
  ConnId conn = 0;
  PublicKey peer{};          // static key of the other side
  Bytes64 handshake_hash{};  // hash' on bound streams; goes into capabilities
  bool initiator = false;    // role in the hello (bound) or in Noise XX, whoever dialled
  bool bound = false;        // opened by a hello, not by Noise XX
  bool outgoing = false;     // we opened the link
  Candidate remote;
};

// The last bytes of the other side, and the last that were more than a keep-alive: a piece of a
// large message counts before all of it is here.
struct StreamHeard {
  TimePoint bytes{};
  TimePoint message{};
};

// What a protocol may do to connections. Calls naming a connection or channel that is gone do
// nothing. Nothing here blocks; bytes leave when the driver takes them.
class Streams {
 public:
  // Opens a channel, or answers a request for the same (protocol, id). Messages may follow at
  // once; the other side reads them when it has paired the channel.
  virtual ChannelId open_channel(ConnId conn, std::string_view protocol, ByteView id,
                                 ByteView handshake) = 0;
  virtual void reject_channel(ConnId conn, ChannelId remote_channel) = 0;
  virtual void send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView payload) = 0;
  // As send, for a message made of two pieces that need not be joined before.
  virtual void send(ConnId conn, ChannelId channel, std::uint32_t type, ByteView head,
                    ByteView tail) = 0;
  virtual void close_channel(ConnId conn, ChannelId channel) = 0;
  // Ends the whole stream because of its peer; `why` is counted by its text (a literal), `error` is
  // what the owner hears.
  virtual void destroy(ConnId conn, std::string_view why, std::error_code error) = 0;
  // False while so much waits for the socket that a polite sender waits for writable().
  virtual bool is_writable(ConnId conn) const = 0;
  // No more messages of the connection are wanted until as many calls of release_reading() have
  // followed; what was received before still comes. For queues that the other side fills.
  virtual void hold_reading(ConnId conn) = 0;
  virtual void release_reading(ConnId conn) = 0;
  // When the other side was last heard of; the beginning of time where that is not known.
  virtual StreamHeard heard(ConnId) const { return {}; }

 protected:
  ~Streams() = default;
};

// One protocol. The Hub calls it for channels of that protocol only; stream_* for all streams.
class ChannelHandler {
 public:
  // Name in open messages.
  virtual std::string_view protocol() const = 0;

  virtual void stream_opened(Now now, const StreamInfo& stream) = 0;
  // All channels of the connection are gone; no channel_closed() precedes it.
  virtual void stream_closed(Now now, ConnId conn) = 0;
  // The other side opened (protocol, id) and we have not: answer with open_channel (same id) or
  // reject_channel(remote_channel), now or later.
  virtual void channel_requested(Now now, ConnId conn, ChannelId remote_channel, ByteView id,
                                 ByteView handshake) = 0;
  // Both sides have opened; `handshake` is the other side's.
  virtual void channel_opened(Now now, ConnId conn, ChannelId channel, ByteView id,
                              ByteView handshake) = 0;
  virtual void channel_message(Now now, ConnId conn, ChannelId channel, std::uint32_t type,
                               ByteView payload) = 0;
  // Closed or rejected by the other side.
  virtual void channel_closed(Now now, ConnId conn, ChannelId channel) = 0;
  // The other side may hold `target` (a discovery key, a topic id): a lookup found it there, or the
  // user named it. Opens the channel with that id, if this protocol serves the target.
  virtual bool open_for(Now, ConnId, const Bytes32& /*target*/) { return false; }
  // The connection can take more again, after is_writable() was false.
  virtual void writable(Now now, ConnId conn) = 0;
  // Everything of this input has been handled: the time to send what was gathered meanwhile.
  virtual void turn_ended(Now) {}

 protected:
  ~ChannelHandler() = default;
};

}  // namespace cip::overlay
