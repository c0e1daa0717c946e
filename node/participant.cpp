#include "node/participant.hpp"

#include <algorithm>
#include <asio/post.hpp>

#include "base/assert.hpp"
#include "base/machine.hpp"
#include "dht/routing_table.hpp"
#include "node/clock.hpp"
#include "node/event_log.hpp"
#include "node/interfaces.hpp"
#include "overlay/punch/punches.hpp"
#include "store/rocksdb/memory_limit.hpp"

namespace cip::node {

namespace {

// How often the host is asked for its addresses: cables are plugged in while nodes run.
constexpr Duration kInterfaceScan = std::chrono::seconds(10);
constexpr std::size_t kLeastFetchAhead = 1 << 20;

// One socket is enough where reachability is known: by the user's word, or on loopback alone.
bool needs_client_socket(const ParticipantOptions& options, Endpoint local) {
  return !options.reachable && local.realm() != Realm::loopback;
}

overlay::HubOptions hub_options(const ParticipantOptions& options) {
  overlay::HubOptions out;
  out.identity = options.identity;
  if (!options.allow.empty()) {
    out.allow = std::set<PublicKey>(options.allow.begin(), options.allow.end());
  }
  out.udx = options.transport != Transport::tcp;
  out.deny.insert(options.deny.begin(), options.deny.end());
  out.fetch_ahead = store::share_of_memory(kLeastFetchAhead, overlay::kMostFetchAhead);
  return out;
}

// By realm, whether strangers there reach this node.
std::array<bool, 3> open_in(const dht::NatView& view) {
  std::array<bool, 3> out{};
  for (const auto& place : view.places)
    out[static_cast<std::size_t>(place.realm)] = place.reachable;
  return out;
}

// Where this node announced itself, and where it is seen there.
std::vector<overlay::HolepunchRelay> punch_relays(const dht::Announcer& announcer) {
  std::vector<overlay::HolepunchRelay> out;
  for (const auto& relay : announcer.relays()) out.push_back({relay.relay, relay.own_address});
  return out;
}

// The steady clock counts from where node::now() does.
std::chrono::steady_clock::time_point system_time(TimePoint at) {
  return std::chrono::steady_clock::time_point{at.time_since_epoch()};
}

}  // namespace

Outcome<std::unique_ptr<Participant>> Participant::open(Surroundings around,
                                                        ParticipantOptions options) {
  auto pair = bind_port_pair(around.io, options.listen);
  if (!pair) return tl::unexpected(pair.error());
  return std::unique_ptr<Participant>(
      new Participant(around, std::move(options), std::move(*pair)));
}

Participant::Participant(Surroundings around, ParticipantOptions options, PortPair sockets)
    : around_(around),
      options_(std::move(options)),
      local_(sockets.local),
      udp_(around.io, std::move(sockets.udp),
           needs_client_socket(options_, local_) ? std::optional(local_.ip) : std::nullopt),
      interfaces_(receiving_addresses(list_interfaces(), local_.ip)),
      timer_(around.io),
      interface_timer_(around.io) {
  auto dht_options = options_.dht;
  dht_options.interfaces = interfaces_;
  dht_options.server_port = local_.port;
  dht_options.client_port = udp_.client_port();
  dht_options.client_socket = dht_options.client_port != 0;
  dht_ = std::make_unique<dht::Node>(std::move(dht_options), around_.contacts, around_.random);
  announcer_ = std::make_unique<dht::Announcer>(*dht_, around_.random);
  republisher_ = std::make_unique<dht::Republisher>(*dht_, around_.random);
  hub_ = std::make_unique<overlay::Hub>(hub_options(options_), around_.random, dht_.get(),
                                        announcer_.get());
  card_ = std::make_unique<overlay::CardPublisher>(*dht_, options_.identity, around_.random);
  duplicates_ = std::make_unique<overlay::DuplicateWatch>(*dht_, *announcer_, *hub_->greeter(),
                                                          options_.identity.public_key);
  tcp_ = std::make_unique<TcpDriver>(around_.io, tcp_callbacks(), options_.most_connections);
  tcp_->listen(std::move(sockets.tcp));
}

Participant::~Participant() = default;

TcpDriver::Callbacks Participant::tcp_callbacks() {
  return {.accepted = [this](Endpoint remote) -> std::optional<ConnectionId> {
            const auto conn = hub_->handle_accepted(now(), overlay::tcp_candidate(remote));
            changed();
            return conn == 0 ? std::nullopt : std::optional(conn);
          },
          .connected =
              [this](ConnectionId conn) {
                hub_->handle_connected(now(), conn);
                changed();
              },
          .received =
              [this](ConnectionId conn, MutableByteView bytes) {
                hub_->handle_bytes(now(), conn, bytes);
                changed();
              },
          .closed =
              [this](ConnectionId conn, std::error_code error) {
                full_.erase(conn);
                hub_->handle_closed(now(), conn, error);
                changed();
              },
          .drained =
              [this](ConnectionId conn) {
                if (full_.erase(conn) == 0) return;
                hub_->handle_drained(now(), conn);
                changed();
              }};
}

void Participant::start() {
  udp_.start(
      {.message =
           [this](Now time, dht::SocketRole local, Endpoint from, const dht::Message& message) {
             dht_->handle_message(time, local, from, message);
           },
       .other =
           [this](Now time, dht::SocketRole local, Endpoint from, dht::DatagramKind kind,
                  MutableByteView datagram) {
             const auto socket = static_cast<overlay::UdxSocket>(local);
             if (kind == dht::DatagramKind::udx &&
                 hub_->udx().handle_datagram(time, socket, from, datagram)) {
               stream_work_ = true;
             } else if (kind == dht::DatagramKind::probe) {
               hub_->udx().handle_probe(time, socket, from);
               stream_work_ = true;
             } else {
               dht_->note_drop(dht::DropReason::malformed);
             }
           },
       .read = [this](Now time) { answer(time); }});
  refresh_offer();
  dht_->start(now());
  if (options_.watch_duplicates) duplicates_->start(now());
  announcer_->announce_key(now(), options_.identity);
  hub_->greeter()->listen();
  if (local_.ip == 0) scan_interfaces();
  changed();
}

bool Participant::has_settled() const {
  if (!dht_->is_ready()) return false;
  return dht_->table().empty() || announcer_->holders(hash(options_.identity.public_key));
}

void Participant::say_goodbye() {
  hub_->stop(now());
  // Who knows nobody would ask contacts that are gone to forget what they were never told.
  leaves_unseen_ = dht_->table().empty();
  if (!leaves_unseen_) announcer_->withdraw_all(now());
  changed();
}

bool Participant::said_goodbye() const { return leaves_unseen_ || dht_->queries_running() == 0; }

void Participant::stop() {
  if (std::exchange(stopped_, true)) return;
  const auto time = now();
  dht_->stop(time);
  pump(time);
  timer_.cancel();
  interface_timer_.cancel();
  udp_.close();
  tcp_.reset();
}

void Participant::changed() {
  if (std::exchange(pump_posted_, true)) return;
  asio::post(around_.io, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    pump_posted_ = false;
    pump(now());
  });
}

void Participant::unwatch(dht::QueryId query) {
  if (queries_.erase(query) == 0) return;
  dht_->cancel(now(), query);
  changed();
}

// Outputs of one machine are inputs of another: goes round until nobody has any left.
void Participant::pump(Now time) {
  hub_->settle(time);
  while (true) {
    const bool dht_worked = drain_dht(time);
    drain_card();
    const bool hub_worked = drain_hub(time);
    if (!dht_worked && !hub_worked) break;
  }
  if (on_turn) on_turn(time);
  others_next_ = next_of_others();
  arm_timer();
}

// In the turn in which datagrams came, since whoever asked is waiting. Most are requests that the
// DHT answers by itself: the other machines are left alone then.
void Participant::answer(Now time) {
  const bool dht_worked = drain_dht(time);
  if (std::exchange(stream_work_, false) || dht_worked) return pump(time);
  arm_timer();
}

// True when there were events: whatever else comes out is the work of nobody here.
bool Participant::drain_dht(Now time) {
  bool worked = false;
  udp_.carry_out(*hub_->udx().punches());  // sockets before what leaves from them
  while (const auto message = dht_->poll_message()) udp_.send(*message);
  while (auto change = dht_->poll_record_change()) {
    if (on_record_change) on_record_change(time, std::move(*change));
  }
  while (const auto event = dht_->poll_event()) {
    worked = true;
    announcer_->handle_event(time, *event);
    republisher_->handle_event(time, *event);
    if (std::holds_alternative<dht::StateChanged>(*event)) refresh_card();
    if (card_->handle_event(time, *event)) continue;
    if (!hub_->handle_dht_event(time, *event)) route(*event);
  }
  if (worked) refresh_offer();
  return worked;
}

void Participant::drain_card() {
  while (const auto event = card_->poll_event()) {
    if (on_card_event) on_card_event(*event);
  }
}

bool Participant::drain_hub(Now time) {
  bool worked = false;
  while (auto action = hub_->poll_link()) {
    if (tcp_) carry_out(std::move(*action));
    worked = true;
  }
  udp_.carry_out(*hub_->udx().punches());
  while (const auto datagram = hub_->udx().poll_datagram(time)) {
    const auto local = static_cast<dht::SocketRole>(datagram->socket);
    udp_.send(local, datagram->to, datagram->bytes, datagram->segment,
              datagram->may_fragment ? Fragments::allowed : Fragments::never);
    worked = true;
  }
  while (auto op = hub_->poll_store_op()) {
    worked = true;
    around_.pool.submit(std::move(*op), [this, alive = std::weak_ptr(alive_)](
                                            store::FeedNumber feed, store::StoreOpId id,
                                            store::StoreResult result) {
      if (alive.expired()) return;
      hub_->handle_store_done(now(), feed, id, std::move(result));
      changed();
    });
  }
  while (const auto event = hub_->poll_event()) {
    worked = true;
    if (const auto* news = std::get_if<overlay::FeedNews>(&*event)) {
      if (on_feed_news) on_feed_news(*news);
      continue;
    }
    if (const auto* hello = std::get_if<overlay::GreeterEvent>(&*event)) {
      duplicates_->handle_event(time, *hello);
    }
    hub_events.tell(*event);
  }
  return worked;
}

void Participant::carry_out(overlay::LinkAction action) {
  const Overloaded carry{
      [this](const overlay::LinkOpen& open) {
        CIP_ASSERT(open.to.kind == overlay::LinkKind::tcp);
        tcp_->dial(open.conn, open.to.address);
      },
      [this](overlay::LinkWrite& write) {
        tcp_->write(write.conn, std::move(write.bytes));
        if (tcp_->is_full(write.conn) && full_.insert(write.conn).second) {
          hub_->handle_full(write.conn);
        }
      },
      [this](const overlay::LinkClose& close) {
        full_.erase(close.conn);
        tcp_->close(close.conn);
      },
      [this](const overlay::LinkHold& hold) { tcp_->hold_reading(hold.conn, hold.held); },
      [](const overlay::LinkTrust&) {}};
  std::visit(carry, action);
}

void Participant::route(const dht::Event& event) {
  // The watcher is called through a copy: it may drop itself while it runs.
  const auto tell_query = [&](dht::QueryId id, bool last) {
    const auto found = queries_.find(id);
    if (found == queries_.end()) return;
    log_event(event);
    const auto watcher = found->second;
    if (last) queries_.erase(found);
    watcher(event);
  };
  const auto tell_request = [&](dht::RequestId id) {
    const auto found = requests_.find(id);
    if (found == requests_.end()) return;
    log_event(event);
    const auto watcher = std::move(found->second);
    requests_.erase(found);
    watcher(event);
  };
  std::visit(Overloaded{[&](const dht::QueryReply& reply) { tell_query(reply.query, false); },
                        [&](const dht::QueryDone& done) { tell_query(done.query, true); },
                        [&](const dht::RequestDone& done) { tell_request(done.request); },
                        [&](const auto&) { dht_events.tell(event); }},
             event);
}

// What a hello tells changes with addresses and relays, so rarely: it is compared, not rebuilt.
void Participant::refresh_offer() {
  const auto own = dht_->address(Realm::public_network);
  const auto view = dht_->nat_view();
  OfferBasis basis{.relays = announcer_->relay_addresses(),
                   .interfaces = interfaces_,
                   .public_address = own,
                   .public_udp = dht_->public_address(),
                   .open_in = open_in(view),
                   .punch_relays = punch_relays(*announcer_),
                   .seen_at = view.believed};
  if (basis == offered_) return;
  offered_ = std::move(basis);
  overlay::Offer offer;
  offer.endpoints = tcp_endpoints();
  offer.tcp = options_.transport != Transport::udx;
  offer.interfaces = interfaces_;
  offer.relays = offered_.relays;
  if (own) offer.public_ip = own->ip;
  if (!own && offered_.seen_at) offer.public_ip = offered_.seen_at->ip;
  offer.public_udp = offered_.public_udp;
  offer.open_in = offered_.open_in;
  hub_->greeter()->set_offer(std::move(offer));
  hub_->udx().punches()->set_relays(offered_.punch_relays);
  refresh_card();
}

void Participant::publish_card() {
  has_card_ = true;
  refresh_card();
  changed();
}

void Participant::withdraw_card() {
  has_card_ = false;
  card_->withdraw(now());
  changed();
}

void Participant::refresh_card() {
  if (has_card_) card_->publish(now(), tcp_endpoints());
}

std::vector<Endpoint> Participant::tcp_endpoints() const {
  std::vector<Endpoint> out;
  if (const auto own = dht_->public_address()) out.push_back({own->ip, local_.port});
  for (const auto ip : interfaces_) {
    const Endpoint endpoint{ip, local_.port};
    if (std::ranges::find(out, endpoint) == out.end()) out.push_back(endpoint);
  }
  return out;
}

bool Participant::is_own(const Endpoint& endpoint) const {
  if (endpoint.port != local_.port) return false;
  const auto own = tcp_endpoints();
  return realm_of(endpoint.ip) == Realm::loopback || std::ranges::find(own, endpoint) != own.end();
}

std::optional<TimePoint> Participant::next_of_others() const {
  return earliest({announcer_->next_timeout(), republisher_->next_timeout(), hub_->next_timeout(),
                   card_->next_timeout(), duplicates_->next_timeout(),
                   next_other_timeout ? next_other_timeout() : std::nullopt});
}

void Participant::arm_timer() {
  if (stopped_) return;
  const auto next = earliest({dht_->next_timeout(), others_next_});
  if (next == timer_at_) return;
  timer_at_ = next;
  if (!next) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(system_time(*next));
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    timer_at_.reset();
    handle_timeouts();
  });
}

void Participant::handle_timeouts() {
  const auto time = now();
  dht_->handle_timeout(time);
  announcer_->handle_timeout(time);
  republisher_->handle_timeout(time);
  hub_->handle_timeout(time);
  card_->handle_timeout(time);
  duplicates_->handle_timeout(time);
  pump(time);
}

void Participant::scan_interfaces() {
  interface_timer_.expires_after(kInterfaceScan);
  interface_timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired() || stopped_) return;
    auto found = receiving_addresses(list_interfaces(), local_.ip);
    if (found != interfaces_) {
      interfaces_ = std::move(found);
      dht_->set_interfaces(now(), interfaces_);
      refresh_offer();
      changed();
    }
    scan_interfaces();
  });
}

}  // namespace cip::node
