#include "overlay/hub.hpp"

#include <utility>

#include "overlay/transport/errors.hpp"

namespace cip::overlay {
namespace {

// A stream that its peer has replaced by a newer one lives on for this long, should the peer decide
// for the older one.
constexpr Duration kSupersededLife = std::chrono::seconds(5);

// Answers nobody: for hubs without hellos.
class NoPendingHellos final : public PendingHellos {
 public:
  const PendingHello* find_pending(const Bytes32&) const override { return nullptr; }
};
const NoPendingHellos no_pending_hellos;

// A stock peer calls again only when it has lost the stream that it used (udx.md 17.3).
bool is_replacement(const Connection& connection) {
  const auto& info = connection.info;
  return info.remote.kind == LinkKind::udx && !info.bound && !info.outgoing;
}

}  // namespace

Hub::Hub(HubOptions options, Random& random, dht::Node* node, dht::Announcer* announcer)
    : options_(std::move(options)) {
  if (node != nullptr) greeter_ = std::make_unique<Greeter>(*node, options_.identity, random);
  const PendingHellos& pending =
      greeter_ ? static_cast<const PendingHellos&>(*greeter_) : no_pending_hellos;
  connections_ = std::make_unique<Connections>(options_.identity, pending, random,
                                               static_cast<StreamPolicy&>(*this));
  udx_ = std::make_unique<UdxLinks>(random, *connections_, node);
  replication_ = std::make_unique<Replication>(connections_->channels(), options_.fetch_ahead);
  connections_->channels().add_protocol(*replication_);
  if (node == nullptr) return;
  if (options_.allow) greeter_->allow_only(options_.allow);
  for (const auto& key : options_.deny) greeter_->deny(key);
  cards_ = std::make_unique<CardReader>(*node);
  swarm_ = std::make_unique<Swarm>(*node, *greeter_, announcer, options_.identity, random);
  dialler_ = std::make_unique<Dialler>(*greeter_, *swarm_, *cards_, *connections_, *udx_);
  if (options_.udx) greeter_->offer_streams(&udx_->streams(), udx_->punches());
}

Hub::~Hub() = default;

// --- Commands --------------------------------------------------------------------------------

ConnId Hub::dial(Now now, const Candidate& to, std::vector<Bytes32> targets) {
  auto& connection = connections_->open(now, to, {});
  connection.user_dial = true;
  connection.targets = std::move(targets);
  return connection.info.conn;
}

void Hub::want_on(Now now, const PublicKey& peer, const Bytes32& target) {
  wanted_[peer].insert(target);
  if (const auto stream = stream_to(peer)) {
    connections_->channels().open_target(now, stream->conn, target);
    finish_turn(now);
  }
}

void Hub::unwant(const Bytes32& target) {
  for (auto& [peer, targets] : wanted_) targets.erase(target);
  std::erase_if(wanted_, [](const auto& item) { return item.second.empty(); });
}

void Hub::stop(Now now) {
  if (dialler_) dialler_->stop(now);
  if (swarm_) swarm_->stop(now);
  connections_->stop();
  udx_->stop();
  finish_turn(now);
}

// --- Inputs: links ---------------------------------------------------------------------------

ConnId Hub::handle_accepted(Now now, const Candidate& remote) {
  return connections_->handle_accepted(now, remote);
}

void Hub::handle_connected(Now now, ConnId conn) {
  connections_->handle_connected(now, conn);
  finish_turn(now);
}

void Hub::handle_bytes(Now now, ConnId conn, MutableByteView bytes) {
  connections_->handle_bytes(now, conn, bytes);
  finish_turn(now);
}

void Hub::handle_closed(Now now, ConnId conn, std::error_code error) {
  connections_->handle_closed(now, conn, error);
  finish_turn(now);
}

void Hub::handle_full(ConnId conn) { connections_->handle_full(conn); }

void Hub::handle_drained(Now now, ConnId conn) {
  connections_->handle_drained(now, conn);
  finish_turn(now);
}

// --- Inputs: the rest ------------------------------------------------------------------------

bool Hub::handle_dht_event(Now now, const dht::Event& event) {
  if (!greeter_) return false;
  const bool taken = greeter_->handle_event(now, event) || cards_->handle_event(now, event) ||
                     swarm_->handle_dht_event(now, event) || udx_->handle_dht_event(now, event);
  finish_turn(now);
  return taken;
}

void Hub::handle_store_done(Now now, store::FeedNumber feed, store::StoreOpId id,
                            store::StoreResult result) {
  replication_->handle_store_done(now, feed, id, std::move(result));
  finish_turn(now);
}

void Hub::handle_timeout(Now now) {
  udx_->handle_timeout(now);
  connections_->handle_timeout(now);
  if (greeter_) {
    greeter_->handle_timeout(now);
    swarm_->handle_timeout(now);
    dialler_->handle_timeout(now);
  }
  replication_->handle_timeout(now);
  finish_turn(now);
}

void Hub::settle(Now now) {
  udx_->settle(now);
  finish_turn(now);
}

std::optional<TimePoint> Hub::next_timeout() const {
  Earliest next;
  next.consider(replication_->next_timeout());
  next.consider(connections_->next_timeout());
  next.consider(udx_->next_timeout());
  if (greeter_) {
    next.consider(greeter_->next_timeout());
    next.consider(swarm_->next_timeout());
    next.consider(dialler_->next_timeout());
  }
  return next.get();
}

// --- Turns -----------------------------------------------------------------------------------

// Handlers act on what this input brought, doomed streams are closed, and what all of that made is
// gathered for the driver. Closing a stream makes handlers act again, hence the loop.
void Hub::finish_turn(Now now) {
  do {
    connections_->close_doomed(now);
    take_greeter_events(now);
    take_card_events(now);
    take_swarm_events(now);
    connections_->channels().end_turn(now);
  } while (connections_->table().has_doomed());
  while (auto event = replication_->poll_event()) events_.push(std::move(*event));
  connections_->table().gather_output();
}

void Hub::take_greeter_events(Now now) {
  if (!greeter_) return;
  while (auto event = greeter_->poll_event()) {
    if (!dialler_->handle_event(now, *event)) events_.push(std::move(*event));
  }
}

void Hub::take_card_events(Now now) {
  if (!cards_) return;
  while (auto read = cards_->poll_event()) {
    if (!dialler_->handle_event(now, *read)) events_.push(std::move(*read));
  }
}

void Hub::take_swarm_events(Now now) {
  if (!swarm_) return;
  while (auto event = swarm_->poll_event()) {
    if (const auto* found = std::get_if<CandidateFound>(&*event)) {
      if (const auto stream = stream_to(found->peer)) {
        connections_->channels().open_target(now, stream->conn, found->target);
      }
    }
    events_.push(std::move(*event));
  }
}

std::optional<LinkAction> Hub::poll_link() {
  while (auto action = connections_->poll_link()) {
    if (!udx_->carry_out(connections_->now(), *action)) return action;
    // A link over UDX is open at once, and what it held back may come now.
    finish_turn(connections_->now());
  }
  return std::nullopt;
}

std::optional<HubEvent> Hub::poll_event() { return events_.pop(); }

// --- Which streams stay ----------------------------------------------------------------------

void Hub::proven(Now now, Connection& connection) {
  if (dialler_) dialler_->handle_proven(now, connection);
}

bool Hub::admit(Now now, Connection& connection) {
  if (connection.hello != 0 && dialler_) dialler_->handle_opened(now, connection);
  if (const auto why = refusal(connection)) {
    connections_->table().doom(connection, why->error, std::string(why->reason));
    return false;
  }
  for (const auto& target : connection.targets) wanted_[connection.info.peer].insert(target);
  return !yields_to_other(now, connection);
}

void Hub::opened(Now now, Connection& connection) {
  if (swarm_) swarm_->stream_up(now, connection.info.peer);
  events_.push(StreamUp{connection.info});
  open_targets(now, connection);
}

void Hub::ended(Now now, const Connection& connection, std::error_code error,
                const std::string& reason) {
  if (!connection.is_open) {
    if (connection.user_dial) {
      events_.push(DialFailed{connection.info.conn, connection.info.remote, error});
    }
    if (dialler_) dialler_->handle_lost(now, connection, error);
    return;
  }
  events_.push(StreamDown{connection.info, error, reason});
  if (const auto other = stream_to(connection.info.peer)) {
    if (auto* kept = connections_->table().find(other->conn)) kept->superseded.reset();
  } else if (swarm_) {
    swarm_->stream_down(now, connection.info.peer);
  }
}

// Why a stream with this peer is not wanted; nothing: it is.
std::optional<Hub::Refusal> Hub::refusal(const Connection& connection) const {
  const auto& peer = connection.info.peer;
  if (peer == options_.identity.public_key) return Refusal{Errc::own_key, "own key"};
  if (options_.deny.contains(peer)) return Refusal{Errc::not_allowed, "denied"};
  if (options_.allow && !options_.allow->contains(peer)) {
    return Refusal{Errc::not_allowed, "not allowed"};
  }
  if (!connection.info.outgoing && connections_->table().open_streams() >= kMaxStreams) {
    return Refusal{Errc::too_many_streams, "too many streams"};
  }
  return std::nullopt;
}

// One stream per pair of peers. Of two that both sides began at the same time the one stays whose
// initiator has the greater key. Of two that one side began, that side decides: it keeps the first,
// so if a second one opens nevertheless it has lost the first. True: the new one is given up.
bool Hub::yields_to_other(Now now, Connection& connection) {
  const auto existing = stream_to(connection.info.peer);
  if (!existing) return false;
  auto& old = *connections_->table().find(existing->conn);
  if (old.info.initiator == connection.info.initiator && !connection.info.initiator) {
    old.superseded = now.mono + kSupersededLife;
    return false;
  }
  const auto not_chosen = make_error_code(StreamErrc::not_chosen);
  if (is_replacement(connection) && old.stream->is_used()) {
    connections_->table().doom(old, not_chosen, "other stream of this peer");
    return false;
  }
  const bool own_key_is_greater = options_.identity.public_key > connection.info.peer;
  if (old.info.initiator != connection.info.initiator &&
      connection.info.initiator == own_key_is_greater) {
    connections_->table().doom(old, not_chosen, "other stream of this peer");
    return false;
  }
  if (connection.user_dial) events_.push(StreamUp{old.info, connection.info.conn});
  connection.user_dial = false;
  open_targets(now, old);
  connections_->table().doom(connection, not_chosen, "other stream of this peer");
  return true;
}

void Hub::open_targets(Now now, Connection& connection) {
  std::set<Bytes32> targets;
  if (const auto found = wanted_.find(connection.info.peer); found != wanted_.end()) {
    targets = found->second;
  }
  if (swarm_) {
    for (const auto& target : swarm_->targets_of(connection.info.peer)) targets.insert(target);
  }
  for (const auto& target : targets) {
    connections_->channels().open_target(now, connection.info.conn, target);
  }
}

}  // namespace cip::overlay
