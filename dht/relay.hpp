#pragma once

// Passes hellos and holepunch messages on (dht.md 12 and 14), and hands up those that are for us.
// All datagrams of one hello share the client's tid.
//
// A relay keeps no state per hello, except ours: for 10 s it remembers what it relayed, since a
// FROM_SERVER that nobody asked for would make it send a datagram anywhere (dht.md 20, 9). For the
// same reason what is relayed is counted per source and per destination, and never goes from a
// wider realm into a narrower one, unless to a peer that announced itself here and so asked for it.

#include <memory>
#include <optional>

#include "dht/node_core.hpp"
#include "dht/payloads.hpp"
#include "dht/rate_limiter.hpp"
#include "dht/server.hpp"

namespace cip::dht {

class Relay {
 public:
  // A swarm that reconnects after a pause greets some dozens of peers at once.
  static constexpr std::uint32_t kMaxPerSecond = 64;
  static constexpr Duration kMemory = std::chrono::seconds(10);
  static constexpr std::size_t kMaxRemembered = 1024;

  Relay(NodeCore& core, Server& server) : core_(core), server_(server) {}

  // A peer_handshake or peer_holepunch request.
  void handle_request(Now now, SocketRole local, Endpoint from, const Request& request);
  // Message 2 on its way back, by the way the ticket remembers.
  void answer_hello(Now now, const HelloTicket& ticket, Bytes noise);
  // A hello of our own for a peer that was announced here: sends it to where the peer is. Nothing
  // when no forward is known.
  std::optional<Endpoint> way_to(Now now, const Target& target);

  std::size_t memory_bytes() const;

 private:
  struct Incoming {
    Now now;
    SocketRole local;
    Endpoint from;
    const Request& request;
  };
  struct Relayed {
    Tid tid;
    std::uint64_t target;  // its first bytes
    Endpoint client;
    TimePoint until;
  };
  struct State {
    RateLimiter sources{kMaxPerSecond, std::chrono::seconds(1)};
    RateLimiter destinations{kMaxPerSecond, std::chrono::seconds(1)};
    std::vector<Relayed> relayed;  // oldest first
  };

  void handle_handshake(const Incoming& in);
  void handle_own(const Incoming& in, HandshakeValue value);
  void handle_holepunch(const Incoming& in);
  void handle_own(const Incoming& in, HolepunchValue value);
  // Sends the request on with another value; false when that is not allowed.
  bool pass_on(const Incoming& in, Endpoint to, bool asked_for, Bytes value);
  void pass_back(const Incoming& in, Endpoint to, Bytes value);
  bool may_relay(const Incoming& in, Endpoint to, bool asked_for);
  void remember(const Incoming& in);
  // Was this relayed for that client, and not answered yet? Each is carried back once.
  bool take_relayed(const Incoming& in, Endpoint client);
  State& state();

  NodeCore& core_;
  Server& server_;
  std::unique_ptr<State> state_;  // on the heap when first used
};

}  // namespace cip::dht
