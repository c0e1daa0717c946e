#pragma once

// Finds neighbours on the local network by UDP multicast on every interface, loopback included
// (decisions.md D16): two nodes on one host without any cable meet as well. No route is needed,
// since each datagram names its interface.

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "base/random.hpp"
#include "node/error.hpp"
#include "node/lan_message.hpp"

namespace cip::node {

struct LanOptions {
  std::string network;          // label
  std::uint32_t listen_ip = 0;  // only interfaces on which the node receives; 0: all
  std::uint16_t port = 0;       // of the UDP server socket
  Endpoint group = kLanGroup;   // tests take their own
};

class LanDiscovery {
 public:
  using OnContact = std::function<void(Endpoint)>;

  // Without multicast, or with the port taken by a stranger, it stays silent: `problem` says why.
  LanDiscovery(asio::io_context& io, LanOptions options, Random& random, OnContact on_contact);
  ~LanDiscovery();

  // Empty: it works.
  const std::string& problem() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cip::node
