#pragma once

// Reaches the peers that the swarm wants (dht.md 18.2): the initiator of a hello dials what the
// peer offered, a few candidates side by side, over TCP and over UDX, and chooses the first
// connection on which the peer has proven itself. A stock peer has one stream over UDX (udx.md 14).
// Whom nobody here can reach is asked to dial; of a peer that no hello reaches the contact card is
// read (18.3), and its candidates are dialled likewise.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include "base/time.hpp"
#include "overlay/card_reader.hpp"
#include "overlay/connections.hpp"
#include "overlay/greeter.hpp"
#include "overlay/swarm.hpp"
#include "overlay/udx_links.hpp"

namespace cip::overlay {

// Attempts by card have numbers that no hello reaches.
inline constexpr HelloId kFirstCardAttempt = HelloId{1} << 63;

class Dialler {
 public:
  // All outlive it.
  Dialler(Greeter& greeter, Swarm& swarm, CardReader& cards, Connections& connections,
          UdxLinks& udx);

  // --- inputs; true: the event was for this machine alone

  bool handle_event(Now now, const GreeterEvent& event);
  bool handle_event(Now now, const CardRead& read);
  void handle_timeout(Now now);

  // --- inputs: what became of connections

  // The peer has proven itself on a connection of a hello that we began.
  void handle_proven(Now now, Connection& connection);
  // Its hello has a stream: all other connections of it go, and it is used up.
  void handle_opened(Now now, const Connection& kept);
  // It ended before it was open.
  void handle_lost(Now now, const Connection& connection, std::error_code error);

  // Gives up all attempts, of which nobody hears.
  void stop(Now now);
  std::optional<TimePoint> next_timeout() const;
  // Of peers that no hello reached, those that lead somewhere.
  std::uint64_t cards_read() const { return cards_read_; }

 private:
  // Links that are opened for one hello, or for one contact card, and which of them is used.
  // Without candidates, and while `give_up` is set, it is the peer that dials.
  struct Attempt {
    HelloId hello = 0;  // of a card: a number from kFirstCardAttempt on
    PublicKey peer{};
    bool by_card = false;  // opened by Noise XX, for there was no hello
    BoundKeys keys;        // else
    UdxEnds udx;           // of the candidate over UDX
    Endpoint seen;         // the peer's UDP address
    std::deque<Candidate> left;
    std::optional<TimePoint> next_dial;
    std::optional<TimePoint> give_up;  // set while the peer is expected to dial
    std::set<ConnId> dialled;
    bool chosen = false;
    bool may_ask_back = false;  // both sides can, and it was not tried
    std::error_code last_error;
  };

  void hello_done(Now now, const HelloDone& done);
  void hello_failed(Now now, const HelloFailed& failed);
  void dial_by_card(Now now, const CardRead& read);
  void dial_back(Now now, const DialBackRequested& request);
  void expect(Now now, const StreamExpected& expected);
  // Of a hello of the peer's: what is dialled waits until the peer knows of it.
  Attempt& attempt_of(Now now, HelloId hello, const BoundKeys& keys);
  void dial_next(Now now, Attempt& attempt);
  void hurry(Now now, Attempt& attempt);
  void release(Now now, const Attempt& attempt);
  void end_attempt(Now now, HelloId id, std::error_code error);

  Greeter& greeter_;
  Swarm& swarm_;
  CardReader& cards_;
  Connections& connections_;
  UdxLinks& udx_;
  std::map<HelloId, Attempt> attempts_;
  std::map<dht::QueryId, std::error_code> card_reads_;  // why the hello failed
  HelloId next_card_attempt_ = kFirstCardAttempt;
  std::uint64_t cards_read_ = 0;
  bool stopped_ = false;
};

}  // namespace cip::overlay
