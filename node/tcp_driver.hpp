#pragma once

// TCP connections by number: listens, dials, reads and writes for the machines above, which know no
// socket. What arrives is handed over in a buffer that is free to be changed in place; what is sent
// is queued here and counted, so that its owner can stop producing.

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"

namespace cip::node {

using ConnectionId = std::uint64_t;

// Sockets of all kinds that one node has open at once, unless it is told fewer. Those that come in
// may be three quarters of them, those of one address a quarter of that (not on loopback): more are
// closed as soon as they come, and counted. A dial finds a place when strangers have taken theirs.
inline constexpr std::size_t kMaxTcpConnections = 512;
// Above this much unsent the owner is told that the connection is full, below half of it that there
// is room again. Large enough to keep a fast link busy during one turn of the loop.
inline constexpr std::size_t kTcpHighWater = 1024 * 1024;
inline constexpr Duration kDialTimeout = std::chrono::seconds(5);

struct TcpCounters {
  std::uint64_t accepted = 0;
  std::uint64_t dialled = 0;
  std::uint64_t failed_dials = 0;
  std::uint64_t refused = 0;  // above the bounds
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

struct TcpConnectionInfo {
  Endpoint remote;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

class TcpDriver {
 public:
  struct Callbacks {
    // Names a socket that came in; nothing: close it.
    std::function<std::optional<ConnectionId>(Endpoint remote)> accepted;
    std::function<void(ConnectionId)> connected;
    std::function<void(ConnectionId, MutableByteView)> received;
    // The other side or the network ended it, or a dial failed. Not after close().
    std::function<void(ConnectionId, std::error_code)> closed;
    // After is_full(): there is room again.
    std::function<void(ConnectionId)> drained;
  };

  TcpDriver(asio::io_context& io, Callbacks callbacks,
            std::size_t most_connections = kMaxTcpConnections);
  ~TcpDriver();

  // A number for stop_listening().
  std::size_t listen(asio::ip::tcp::acceptor acceptor);
  void stop_listening(std::size_t listener);
  void dial(ConnectionId id, Endpoint to);
  void write(ConnectionId id, Bytes bytes);
  // Sends what is queued first, for a second at most.
  void close(ConnectionId id);
  // While held, nothing is read and the other side soon stops sending.
  void hold_reading(ConnectionId id, bool held);
  bool is_full(ConnectionId id) const;
  std::size_t unsent(ConnectionId id) const;
  std::optional<TcpConnectionInfo> info(ConnectionId id) const;
  std::size_t connections() const;
  const TcpCounters& counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cip::node
