#pragma once

// Own hellos on their way out (dht.md 12): one peer_handshake request each, whose answer must come
// from the node that was asked.

#include <optional>

#include "dht/node_core.hpp"
#include "dht/relay.hpp"

namespace cip::dht {

class Hellos {
 public:
  Hellos(NodeCore& core, Relay& relay) : core_(core), relay_(relay) {}

  RequestId send(Now now, Endpoint via, const Target& target, Bytes noise,
                 std::optional<Endpoint> relay);
  void handle_reply(const Rpc::Answered& answered, const Reply& reply);
  void handle_failure(const Rpc::Overdue& overdue);

 private:
  RequestId fail_at_once(Endpoint via, Errc error);

  NodeCore& core_;
  Relay& relay_;
};

}  // namespace cip::dht
