#pragma once

// Answers requests: the internal commands, and the storing side (dht.md 4, 10, 11). Hellos and
// holepunch messages are the Relay's.

#include <optional>
#include <vector>

#include "dht/node_core.hpp"
#include "dht/rate_limiter.hpp"
#include "dht/signatures.hpp"

namespace cip::dht {

class Server {
 public:
  // Delayed pings that wait; each is a few bytes, but the answers are sent on a stranger's word.
  static constexpr std::size_t kMaxDelayed = 64;
  // Checks by hint under way (dht.md 4), and hints taken per source and tick.
  static constexpr std::size_t kMaxHintChecks = 10;
  static constexpr std::uint32_t kMaxHintsPerSource = 10;
  // Storing commands of one public or private source: each may cost a signature check. A swarm that
  // announces hundreds of topics spreads them over the network.
  static constexpr std::uint32_t kMaxStoresPerSecond = 64;

  explicit Server(NodeCore& core)
      : core_(core),
        hints_(kMaxHintsPerSource, kTick),
        stores_(kMaxStoresPerSecond, std::chrono::seconds(1)) {}

  // A request other than peer_handshake and peer_holepunch.
  void handle_request(Now now, SocketRole local, Endpoint from, const Request& request);
  // An answer without token and value, with closer nodes only.
  void answer_closer(Now now, SocketRole local, Endpoint from, const Request& request);
  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;

  // What this node itself would answer to a lookup (value of dht.md 10), as far as `requester` may
  // know. Also for own queries.
  std::optional<Bytes> lookup_value(Now now, const Target& target, Endpoint requester);

  std::size_t memory_bytes() const {
    return delayed_.capacity() * sizeof(Delayed) + hints_.memory_bytes() + stores_.memory_bytes();
  }

 private:
  struct Incoming {
    Now now;
    SocketRole local;
    Endpoint from;
    const Request& request;
  };
  struct Answer {
    bool token = false;
    bool closer = false;
    std::uint64_t error = 0;
    std::optional<Bytes> value{};
  };
  struct Delayed {
    TimePoint due;
    SocketRole local;
    Endpoint from;
    Tid tid;
  };

  void answer(const Incoming& in, Answer answer);
  void fail(const Incoming& in, ReplyError error);
  void handle_internal(const Incoming& in);
  void handle_ping_nat(const Incoming& in);
  void handle_down_hint(const Incoming& in);
  void handle_delayed_ping(const Incoming& in);
  void handle_command(const Incoming& in);
  void handle_find_peer(const Incoming& in);
  void handle_lookup(const Incoming& in);
  void handle_announce(const Incoming& in);
  void handle_unannounce(const Incoming& in);
  void handle_mutable_put(const Incoming& in);
  void handle_mutable_get(const Incoming& in);
  void handle_immutable_put(const Incoming& in);
  void handle_immutable_get(const Incoming& in);
  std::optional<AnnounceScope> scope_of(const Incoming& in);
  // The port that a token of this requester is bound to; 0: none.
  std::uint16_t token_port(Endpoint from) const;

  NodeCore& core_;
  RateLimiter hints_;
  RateLimiter stores_;
  std::vector<Delayed> delayed_;
};

}  // namespace cip::dht
