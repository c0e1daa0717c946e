#pragma once

// The answering side of a holepunch (dht.md 14 "Server"): says what its NAT does, and begins when
// the other side does. It takes no probe for success: the stream's first packet is that.

#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fifo.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "overlay/punch/side.hpp"

namespace cip::overlay {

// A message that came, opened.
struct PunchRequest {
  PunchMessage message;
  dht::HelloTicket ticket;
  Endpoint peer;                // the client as the relay sees it
  Endpoint own_address;         // this node as it sees it, at ticket.socket
  bool over_own_relay = false;  // at which this node announced itself: tokens go this way only
};

struct PunchAnswer {
  dht::HelloTicket ticket;
  UdxSocket socket = 0;
  PunchMessage message;
};

class PunchServer {
 public:
  PunchServer(PunchRoom& room, PunchId id, Endpoint client);

  // --- inputs
  // False: there is no socket left.
  bool start(Now now) { return side_.open(now); }
  void handle_request(Now now, PunchRequest request);
  void handle_seen(Now now, UdxSocket socket, Endpoint seen, Endpoint from);
  void handle_silence(Now now, UdxSocket socket);
  void handle_probe(UdxSocket socket, Endpoint from);
  void handle_timeout(Now now) { side_.handle_timeout(now); }

  // --- outputs
  std::optional<PunchAnswer> poll_answer() { return answers_.pop(); }
  std::optional<TimePoint> next_timeout() const { return side_.next_timeout(); }
  // The other side gave up.
  bool is_over() const { return over_; }
  // It said that it punches, and no more probes are left.
  bool has_given_up() const { return side_.has_given_up(); }
  bool is_punching() const { return side_.is_punching(); }

  PunchSide& side() { return side_; }
  const PunchSide& side() const { return side_; }

 private:
  // Requests that wait until the own NAT is known; more are repetitions.
  static constexpr std::size_t kMaxWaiting = 4;

  void answer_waiting(Now now);
  void answer(Now now, const PunchRequest& request);
  std::uint64_t begin(Now now);

  PunchRoom& room_;
  PunchId id_;
  PunchSide side_;
  Bytes32 secret_;
  std::uint64_t round_ = 0;
  bool over_ = false;
  std::vector<PunchRequest> waiting_;
  Fifo<PunchAnswer> answers_;
};

}  // namespace cip::overlay
