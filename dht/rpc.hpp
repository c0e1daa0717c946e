#pragma once

// Requests under way (dht.md 6): tids, answers, timeouts, retries, and the congestion window with
// its queue.
//
// Where we differ from npm dht-rpc: tids are random, and an answer must come from the address that
// was asked (stock matches a 16 bit counter alone); a transmission times out after 3 round trips,
// between 100 ms and 1 s, and each further one is given twice the time, up to 1 s (stock: always
// 1 s); the queue is served as soon as there is room (stock: every 750 ms).

#include <cstdint>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/fifo.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/congestion_window.hpp"
#include "dht/defences.hpp"
#include "dht/handles.hpp"
#include "dht/message.hpp"

namespace cip::dht {

// What a request is for. Rpc only carries it back.
enum class Purpose : std::uint8_t {
  query,      // owner: QueryId
  commit,     // owner: QueryId
  single,     // ping() and request() of the user
  hello,      // a peer_handshake of ours
  holepunch,  // a peer_holepunch of ours
  check,      // is this member of the table alive?
  acquaint,   // is this newcomer alive?
  replace,    // is this member alive, or may the newcomer `owner` (packed endpoint) have its place?
  nat_probe,  // ping_nat
  prove,      // does somebody read at this address? (dht.md 11, reflection)
  detached,   // the owner is gone; the answer still teaches round trips and who is dead
};

// A request to make. `request.tid` and `request.to` are filled in by Rpc.
struct Call {
  Endpoint to;
  SocketRole socket = SocketRole::server;
  Request request;
  unsigned retries = 3;
  // What is known of the way to `to`; nothing: the average of all answers is taken.
  std::optional<Duration> round_trip;
  Duration extra_wait{};  // what the responder will wait by itself
  bool forced = false;    // passes the congestion window
  Purpose purpose = Purpose::single;
  std::uint64_t owner = 0;
};

class Rpc {
 public:
  static constexpr Duration kMinTimeout = std::chrono::milliseconds(100);
  static constexpr Duration kMaxTimeout = std::chrono::seconds(1);
  // Beyond this many waiting requests a new one is refused: 1024 queries with all they may have in
  // flight fit.
  static constexpr std::size_t kMaxQueued = 16'384;

  // `random` outlives it.
  explicit Rpc(Random& random, std::size_t max_queued = kMaxQueued, Defences defences = {})
      : random_(&random), max_queued_(max_queued), defences_(defences) {}

  // Sends now or as soon as there is room. No RequestId (0) when the queue is full.
  RequestId begin(Now now, Call&& call);

  enum class Match : std::uint8_t { matched, unknown, wrong_source };
  struct Answered {
    Match match = Match::unknown;
    RequestId id;
    Call call;
    Duration round_trip{};       // since the last transmission
    bool retransmitted = false;  // then the round trip is a guess
  };
  // An answer with this tid came. Forgets the request if it matches. The answer to a ping_nat comes
  // to the other socket, but from the same source: sockets are not compared.
  Answered handle_reply(Now now, Endpoint from, Tid tid);

  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;

  // A datagram to send; the caller completes it (id) and chooses the source address.
  struct Transmission {
    SocketRole socket;
    Request request;
    bool again = false;
  };
  std::optional<Transmission> poll_transmission();

  // A request that is late (more transmissions follow) or has failed (it is forgotten).
  struct Overdue {
    RequestId id;
    Call call;  // of a late one: without the request's value
    bool failed = false;
    TimePoint begun{};        // first transmission
    unsigned unanswered = 0;  // transmissions so far
  };
  std::optional<Overdue> poll_overdue();

  // The owner of these requests is gone.
  void detach(Purpose purpose, std::uint64_t owner);
  // Everything under way, failed at once: poll_overdue() gives it.
  void fail_all();

  std::size_t in_flight() const { return pending_.size() - queued_; }
  // Is any request to this address under way?
  bool is_asking(Endpoint endpoint) const;
  // A fresh id for a request that will never be sent.
  RequestId burn_id() { return {++last_id_}; }
  // Of one purpose, waiting ones included.
  std::size_t count(Purpose purpose) const;
  std::size_t queued() const { return queued_; }
  // Smoothed over all answers; nothing before the first.
  std::optional<Duration> average_round_trip() const { return average_; }
  std::size_t memory_bytes() const;

 private:
  struct Pending {
    RequestId id;
    Call call;
    TimePoint begun{};
    TimePoint sent{};
    TimePoint deadline{};
    unsigned transmissions = 0;  // 0: waits in the queue
    bool to_send = false;
  };

  Tid draw_tid();
  std::size_t find(Tid tid) const;
  Duration patience(const Pending& pending) const;
  void transmit(Now now, Pending& pending);
  void drain_queue(Now now);
  void erase(std::size_t at);
  void reserve();
  void release();
  void note_round_trip(Duration round_trip);
  void find_earliest();

  Random* random_;
  std::size_t max_queued_;
  Defences defences_;
  Tid last_tid_ = 0;
  CongestionWindow window_;
  std::vector<Tid> tids_;  // beside pending_, for a fast scan
  std::vector<Pending> pending_;
  Fifo<Tid> queue_;  // gone ones are skipped
  std::size_t queued_ = 0;
  Fifo<Tid> to_send_;
  Fifo<Overdue> overdue_;
  std::optional<TimePoint> earliest_;
  std::optional<Duration> average_;
  Duration deviation_{};  // from it, smoothed
  std::uint64_t last_id_ = 0;
};

}  // namespace cip::dht
