#pragma once

// The control service of a node: accepts connections on the home's Unix socket and runs the
// requests that come over them (frames: node/frame.hpp). A connection that closes cancels its
// requests.

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

#include "node/home.hpp"
#include "node/operation.hpp"

namespace cip::node {

// Clients at once; each may have that many requests under way. More are refused with error busy. A
// client that does not ask for anything within kControlPatience is let go.
inline constexpr std::size_t kMaxControlConnections = 256;
inline constexpr std::size_t kMaxRequestsPerConnection = 64;
inline constexpr Duration kControlPatience = std::chrono::seconds(10);

class ControlServer {
 public:
  // Replaces a stale socket: the caller holds the home's lock. `service` outlives the server.
  // Errors: refused (something else has that name), busy (another program accepts there), usage,
  // full.
  static Outcome<std::unique_ptr<ControlServer>> open(asio::io_context& io, const HomePaths& paths,
                                                      Service& service,
                                                      Duration patience = kControlPatience);
  // Closes everything and removes the socket file, if it is still its own. Operations are
  // destroyed.
  ~ControlServer();

  // The node makes way for another: each request says where it stands.
  void move();
  // Requests under way that change something.
  std::size_t changes() const;
  // Requests under way.
  std::size_t requests() const;
  std::size_t connections() const;

 private:
  class Impl;
  explicit ControlServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace cip::node
