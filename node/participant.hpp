#pragma once

// One participant of an overlay on real sockets: the machines of the floors below, their drivers,
// and the one loop that carries what one puts out to the next. The daemon has one; the test-only
// swarm has many in one process.

#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/crypto.hpp"
#include "dht/announcer.hpp"
#include "dht/node.hpp"
#include "dht/republisher.hpp"
#include "node/error.hpp"
#include "node/join_options.hpp"
#include "node/listeners.hpp"
#include "node/port_pair.hpp"
#include "node/storage_pool.hpp"
#include "node/tcp_driver.hpp"
#include "node/udp_driver.hpp"
#include "overlay/card_publisher.hpp"
#include "overlay/duplicate_watch.hpp"
#include "overlay/hub.hpp"

namespace cip::node {

struct ParticipantOptions {
  KeyPair identity;
  dht::NodeOptions dht;  // the parts about sockets and interfaces are filled in
  std::optional<Endpoint> listen;
  bool reachable = false;  // the user's word: one socket is enough
  Transport transport = Transport::automatic;
  std::vector<PublicKey> allow;
  std::vector<PublicKey> deny;
  std::size_t most_connections = kMaxTcpConnections;
  bool watch_duplicates = true;  // looks whether somebody else holds the identity
};

// What the participants of one process share; all outlive them.
struct Surroundings {
  asio::io_context& io;
  dht::ContactArena& contacts;
  Random& random;
  StoragePool& pool;
};

class Participant {
 public:
  // Binds its sockets. Errors: busy, usage (see bind_port_pair).
  static Outcome<std::unique_ptr<Participant>> open(Surroundings around,
                                                    ParticipantOptions options);
  ~Participant();
  Participant(const Participant&) = delete;
  Participant& operator=(const Participant&) = delete;

  void start();
  // The first walk is over and, if anybody is there, the own key is announced: time to say "ready".
  bool has_settled() const;
  // Takes back what it announced and closes its streams; said_goodbye() once that is through, or
  // there is nobody to be told.
  void say_goodbye();
  bool said_goodbye() const;
  // Ends at once.
  void stop();

  // Commands go straight to the machines; changed() must follow.
  dht::Node& dht() { return *dht_; }
  dht::Announcer& announcer() { return *announcer_; }
  dht::Republisher& republisher() { return *republisher_; }
  overlay::Hub& hub() { return *hub_; }
  const overlay::DuplicateWatch& duplicates() const { return *duplicates_; }
  TcpDriver& tcp() { return *tcp_; }
  // Keeps a contact card stored from now on; takes that of an earlier run back.
  void publish_card();
  void withdraw_card();
  // Carries on what commands put out, after the caller has returned.
  void changed();

  // The events of one query, QueryDone last, or of one request.
  using DhtWatcher = std::function<void(const dht::Event&)>;
  void watch(dht::QueryId query, DhtWatcher watcher) { queries_[query] = std::move(watcher); }
  void watch(dht::RequestId request, DhtWatcher watcher) {
    requests_[request] = std::move(watcher);
  }
  // Also cancels the query.
  void unwatch(dht::QueryId query);
  void unwatch(dht::RequestId request) { requests_.erase(request); }
  // Events that concern the node as a whole.
  Listeners<dht::Event> dht_events;
  // Events of the hub but those of feeds, which are many and go to one place.
  Listeners<overlay::HubEvent> hub_events;
  std::function<void(const overlay::FeedNews&)> on_feed_news;
  std::function<void(const overlay::CardEvent&)> on_card_event;
  // For the copy of what is stored for others.
  std::function<void(Now, dht::RecordChange)> on_record_change;
  // Once per turn, after all events: for machines that live beside the hub (topics).
  std::function<void(Now)> on_turn;
  // The next work of those machines.
  std::function<std::optional<TimePoint>()> next_other_timeout;

  asio::io_context& io() { return around_.io; }
  const KeyPair& identity() const { return options_.identity; }
  Endpoint local() const { return local_; }  // as bound: the address may be 0.0.0.0
  // Where others may dial this node, in every realm it is in.
  std::vector<Endpoint> tcp_endpoints() const;
  // Who dials there reaches this very node.
  bool is_own(const Endpoint& endpoint) const;
  UdpCounters udp_counters() const { return udp_.counters(); }

 private:
  Participant(Surroundings around, ParticipantOptions options, PortPair sockets);

  // What the offer in hellos is made of.
  struct OfferBasis {
    std::vector<Endpoint> relays;
    std::vector<std::uint32_t> interfaces;
    std::optional<Endpoint> public_address;
    std::optional<Endpoint> public_udp;
    std::array<bool, 3> open_in{};
    std::vector<overlay::HolepunchRelay> punch_relays;
    std::optional<Endpoint> seen_at;  // by what others say
    bool operator==(const OfferBasis&) const = default;
  };

  TcpDriver::Callbacks tcp_callbacks();
  void pump(Now now);
  void answer(Now now);
  bool drain_dht(Now now);
  void drain_card();
  bool drain_hub(Now now);
  void carry_out(overlay::LinkAction action);
  void route(const dht::Event& event);
  void refresh_offer();
  void refresh_card();
  std::optional<TimePoint> next_of_others() const;
  void arm_timer();
  void handle_timeouts();
  void scan_interfaces();

  Surroundings around_;
  ParticipantOptions options_;
  Endpoint local_;
  UdpDriver udp_;
  std::vector<std::uint32_t> interfaces_;
  std::unique_ptr<dht::Node> dht_;
  std::unique_ptr<dht::Announcer> announcer_;
  std::unique_ptr<dht::Republisher> republisher_;
  std::unique_ptr<overlay::Hub> hub_;
  std::unique_ptr<overlay::CardPublisher> card_;
  std::unique_ptr<overlay::DuplicateWatch> duplicates_;
  std::unique_ptr<TcpDriver> tcp_;
  OfferBasis offered_;
  bool has_card_ = false;
  bool leaves_unseen_ = false;
  std::set<overlay::ConnId> full_;  // connections whose socket takes no more for now
  std::map<dht::QueryId, DhtWatcher> queries_;
  std::map<dht::RequestId, DhtWatcher> requests_;
  asio::steady_timer timer_;
  std::optional<TimePoint> timer_at_;
  std::optional<TimePoint> others_next_;  // of all machines but the DHT, at the last full turn
  asio::steady_timer interface_timer_;
  bool pump_posted_ = false;
  bool stream_work_ = false;  // datagrams of streams came in this turn
  bool stopped_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
