#pragma once

// Own holepunch messages on their way out, and the answers to those of others (dht.md 14): one
// peer_holepunch request each, by way of a relay, whose answer must come from that relay. What is
// sealed inside is not this floor's.

#include "dht/node_core.hpp"
#include "dht/node_types.hpp"

namespace cip::dht {

struct Holepunch {
  Target target{};       // of the peer
  std::uint64_t id = 0;  // as the peer's answer to the hello named it
  Endpoint peer;         // the peer as the relay sees it
  Bytes sealed;
};

class Holepunches {
 public:
  explicit Holepunches(NodeCore& core) : core_(core) {}

  // By way of `via`, a relay, from a socket of the owner's. Ends with HolepunchReply or
  // HolepunchFailed.
  RequestId send(Now now, SocketRole socket, Endpoint via, Holepunch message);
  // The way HolepunchReceived came.
  void answer(SocketRole socket, const HelloTicket& ticket, Bytes sealed);

  // --- for the Node
  void handle_reply(const Rpc::Answered& answered, const Reply& reply);
  void handle_failure(const Rpc::Overdue& overdue);

 private:
  NodeCore& core_;
};

}  // namespace cip::dht
