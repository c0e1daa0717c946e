#pragma once

// All holepunches of a node (dht.md 14): both sides of them, their sockets, and who may have one.
// An attempt lasts as long as its stream waits to be connected: whatever connects it, through the
// hole or not, ends the attempt. A socket that a stream stands on stays for as long as the stream.
//
//   HelloServer, UdxLinks ──► Punches ──► PunchClient, PunchServer ──► PunchSide
//   dht::Node ◄─ pings, messages by way of relays
//   driver ◄─ PunchAction: sockets to open and to close, probes
//
// What is told to the node leaves after the actions: a socket is there before it is used.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <variant>
#include <vector>

#include "base/fifo.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "overlay/hello_payload.hpp"
#include "overlay/punch/client.hpp"
#include "overlay/punch/server.hpp"
#include "overlay/punch/side.hpp"

namespace cip::dht {
class Node;
}

namespace cip::overlay {

class UdxStreams;

// Attempts at once: in all, and of one address as a server, but of loopback, which many share.
inline constexpr std::size_t kMaxPunches = 16;
inline constexpr std::size_t kMaxPunchesPerIp = 4;
// A client has so long to begin.
inline constexpr Duration kPunchWait = std::chrono::seconds(10);
// Between two punches with a random NAT.
inline constexpr Duration kRandomTurn = std::chrono::seconds(20);

// --- for the owner

// A probe of the peer came through, or it answered in the own network: its stream goes this way.
struct Punched {
  UdxId stream = 0;
  PunchHole hole;
};
struct PunchFailed {
  UdxId stream = 0;
  std::error_code error;  // punch_*, nat_unknown, both_nats_random, too_many_punches
};
using PunchEvent = std::variant<Punched, PunchFailed>;

// Since the start; as either side, but `holes`, which the client alone finds.
struct PunchStats {
  std::uint64_t begun = 0;
  std::uint64_t refused = 0;  // above the bounds
  std::uint64_t ignored = 0;  // messages of no attempt, or not sealed by its other side
  std::uint64_t holes = 0;
  std::uint64_t failed = 0;
};

class Punches final : private PunchRoom {
 public:
  // All outlive it.
  Punches(dht::Node& node, const UdxStreams& streams, Random& random);
  ~Punches();

  // Where this node announced itself, each with the address it is seen at there.
  void set_relays(std::vector<HolepunchRelay> relays) { relays_ = std::move(relays); }

  // --- client
  // Where both are in one network the peer is asked there as well. Ends with a PunchEvent, unless
  // the stream ends or is connected otherwise.
  void begin(Now now, UdxId stream, PunchOffer offer);

  // --- server
  struct Reserved {
    HolepunchInfo info;    // for message 2
    UdxSocket socket = 0;  // to send that from: the relay tells the client where it is seen
  };
  // None: no relay of ours is known, or a bound is reached.
  std::optional<Reserved> reserve(Now now, Endpoint client, UdxId stream);
  // The handshake is through; before that no message is taken.
  void arm(PunchId id, const Bytes32& key);
  // From which a repeated message 2 leaves.
  std::optional<UdxSocket> socket_of(PunchId id) const;

  // --- inputs
  // True when the event was for this machine alone.
  bool handle_event(Now now, const dht::Event& event);
  void handle_probe(UdxSocket socket, Endpoint from);
  // The driver could not open it.
  void handle_unopened(UdxSocket socket);
  void handle_timeout(Now now);
  // Ends a turn: attempts whose streams are connected or gone are over.
  void settle(Now now);

  // --- outputs
  std::optional<PunchAction> poll_action() { return sockets_.poll_action(); }
  std::optional<PunchEvent> poll_event() { return events_.pop(); }
  std::optional<TimePoint> next_timeout() const;

  const PunchStats& stats() const { return stats_; }
  std::size_t running() const { return clients_.size() + servers_.size(); }

 private:
  struct Client {
    UdxId stream = 0;
    std::unique_ptr<PunchClient> machine;
    bool told = false;
  };
  struct Server {
    UdxId stream = 0;
    std::uint32_t client_ip = 0;
    std::unique_ptr<PunchServer> machine;
    TimePoint begin_by{};
    std::optional<Bytes32> key;

    bool is_late(Now now) const;
  };
  struct Asked {
    PunchId id = 0;
    UdxSocket socket = 0;
  };

  // PunchRoom
  std::optional<UdxSocket> open_socket(PunchId owner) override { return sockets_.open(owner); }
  void close_socket(UdxSocket socket) override { sockets_.close(now_, socket); }
  void probe(const PunchProbe& probe) override { sockets_.probe(probe); }
  std::size_t ping_nodes(Now now, UdxSocket from, Realm realm, std::set<Endpoint>& asked) override;
  void ask(Now now, PunchId id, Endpoint relay, Endpoint peer,
           const PunchMessage& message) override;
  bool take_random_turn(Now now, PunchId id) override;
  Random& random() override { return random_; }

  bool handle_pinged(Now now, const dht::RequestDone& done);
  bool handle_reply(Now now, const dht::HolepunchReply& reply);
  bool handle_failure(Now now, const dht::HolepunchFailed& failure);
  void handle_request(Now now, const dht::HolepunchReceived& received);
  void answer(Server& server);
  // Whether the attempt is over by what became of its stream; keeps the socket it stands on.
  bool is_settled(PunchId id, UdxId stream, PunchSide& side);
  void end_random_turn(Now now, PunchId id);
  bool has_room(std::uint32_t client_ip) const;

  dht::Node& node_;
  const UdxStreams& streams_;
  Random& random_;
  std::vector<HolepunchRelay> relays_;
  PunchId last_id_ = 0;
  PunchSockets sockets_;
  std::map<dht::RequestId, Asked> pings_;
  std::map<dht::RequestId, Asked> asked_;
  std::map<dht::RequestId, PunchId> lan_pings_;
  PunchId random_turn_ = 0;  // 0: nobody's
  std::optional<TimePoint> random_ended_;
  TimePoint now_{};  // of the last input with a time
  Fifo<PunchEvent> events_;
  PunchStats stats_;
  // Attempts close their sockets when they go, so they go first.
  std::map<PunchId, Client> clients_;
  std::map<PunchId, Server> servers_;
};

}  // namespace cip::overlay
