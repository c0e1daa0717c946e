#include "overlay/hub.hpp"

#include <algorithm>
#include <utility>

#include "overlay/hub_connection.hpp"
#include "overlay/transport/errors.hpp"

namespace cip::overlay {
namespace {

// Answers nobody: for hubs without hellos.
class NoPendingHellos final : public PendingHellos {
 public:
  const PendingHello* find_pending(const Bytes32&) const override { return nullptr; }
};
const NoPendingHellos no_pending_hellos;

}  // namespace

Hub::Hub(HubOptions options, Random& random, dht::Node* node, dht::Announcer* announcer)
    : options_(std::move(options)),
      random_(random),
      node_(node),
      next_card_attempt_(kFirstCardAttempt) {
  replication_ = std::make_unique<Replication>(*this);
  handlers_.push_back(replication_.get());
  if (node == nullptr) return;
  greeter_ = std::make_unique<Greeter>(*node, options_.identity, random);
  if (options_.allow) greeter_->allow_only(options_.allow);
  for (const auto& key : options_.deny) greeter_->deny(key);
  cards_ = std::make_unique<CardReader>(*node);
  swarm_ = std::make_unique<Swarm>(*node, *greeter_, announcer, options_.identity, random);
}

Hub::~Hub() = default;

void Hub::add_protocol(ChannelHandler& handler) { handlers_.push_back(&handler); }

// --- Commands --------------------------------------------------------------------------------

ConnId Hub::dial(Now now, Candidate to, std::vector<Bytes32> targets) {
  const auto conn = open_link(now, to);
  auto* connection = find(conn);
  connection->user_dial = true;
  connection->targets = std::move(targets);
  return conn;
}

void Hub::want_on(Now now, const PublicKey& peer, const Bytes32& target) {
  wanted_[peer].insert(target);
  if (const auto stream = stream_to(peer)) {
    open_target(now, stream->conn, target);
    finish_turn(now);
  }
}

void Hub::unwant(const Bytes32& target) {
  for (auto& [peer, targets] : wanted_) targets.erase(target);
  std::erase_if(wanted_, [](const auto& item) { return item.second.empty(); });
}

void Hub::stop(Now now) {
  stopped_ = true;
  attempts_.clear();
  for (const auto& [id, error] : std::exchange(card_reads_, {})) cards_->cancel(now, id);
  if (swarm_) swarm_->stop(now);
  for (auto& [conn, connection] : connections_) doom(*connection, {}, "stopped");
  finish_turn(now);
}

// --- Inputs: links ---------------------------------------------------------------------------

ConnId Hub::handle_accepted(Now now, Candidate remote) {
  if (stopped_ || !may_accept(remote)) {
    ++counters_.closed["too many unproven"];
    return 0;
  }
  ++counters_.accepted;
  auto& connection = add_connection(now, remote, false);
  connection.is_unproven = true;
  ++unproven_[remote.address.ip];
  ++unproven_total_;
  const PendingHellos& pending =
      greeter_ ? static_cast<const PendingHellos&>(*greeter_) : no_pending_hellos;
  connection.stream = SecretStream::accept(now, options_.identity, pending, random_);
  return connection.info.conn;
}

bool Hub::may_accept(const Candidate& remote) const {
  if (unproven_total_ >= kMaxUnproven) return false;
  const auto limit =
      remote.address.realm() == Realm::loopback ? kMaxUnprovenLoopback : kMaxUnprovenPerIp;
  const auto found = unproven_.find(remote.address.ip);
  return found == unproven_.end() || found->second < limit;
}

void Hub::note_proven(Connection& connection) {
  if (!std::exchange(connection.is_unproven, false)) return;
  --unproven_total_;
  const auto found = unproven_.find(connection.info.remote.address.ip);
  if (found != unproven_.end() && --found->second == 0) unproven_.erase(found);
}

void Hub::handle_connected(Now now, ConnId conn) {
  auto* connection = find(conn);
  if (connection == nullptr || connection->stream) return;
  ++counters_.dialled;
  const auto attempt = attempts_.find(connection->hello);
  if (connection->hello == 0) {
    connection->stream = SecretStream::dial_xx(now, options_.identity, random_);
  } else if (attempt != attempts_.end() && attempt->second.by_card) {
    connection->stream =
        SecretStream::dial_xx(now, options_.identity, random_, attempt->second.peer);
  } else if (attempt != attempts_.end()) {
    connection->stream =
        SecretStream::dial_bound(now, connection->hello, attempt->second.keys, random_);
  } else {
    doom(*connection, make_error_code(Errc::cancelled), "not needed");
  }
  mark(*connection);
  finish_turn(now);
}

void Hub::handle_bytes(Now now, ConnId conn, MutableByteView bytes) {
  auto* connection = find(conn);
  if (connection == nullptr || !connection->stream || connection->doomed) return;
  connection->bytes_in += bytes.size();
  connection->stream->handle_bytes(now, bytes);
  drain_stream(now, *connection);
  bound_unfinished(*connection);
  update_hold(*connection);
  finish_turn(now);
}

void Hub::handle_closed(Now now, ConnId conn, std::error_code error) {
  auto* connection = find(conn);
  if (connection == nullptr) return;
  close_connection(now, conn, error ? error : make_error_code(StreamErrc::ended),
                   error ? "transport" : "ended", true);
  finish_turn(now);
}

void Hub::handle_full(ConnId conn) {
  if (auto* connection = find(conn)) connection->driver_full = true;
}

void Hub::handle_drained(Now now, ConnId conn) {
  auto* connection = find(conn);
  if (connection == nullptr) return;
  connection->driver_full = false;
  finish_turn(now);
}

// --- Inputs: the rest ------------------------------------------------------------------------

bool Hub::handle_dht_event(Now now, const dht::Event& event) {
  if (!greeter_) return false;
  const bool taken = greeter_->handle_event(now, event) || cards_->handle_event(now, event) ||
                     swarm_->handle_dht_event(now, event);
  finish_turn(now);
  return taken;
}

void Hub::handle_store_done(Now now, store::FeedNumber feed, store::StoreOpId id,
                            store::StoreResult result) {
  replication_->handle_store_done(now, feed, id, std::move(result));
  finish_turn(now);
}

void Hub::handle_timeout(Now now) {
  std::vector<ConnId> due;
  for (const auto& [conn, connection] : connections_) {
    if (connection->superseded && *connection->superseded <= now.mono) {
      doom(*connection, {}, "superseded");
    }
    if (!connection->stream) continue;
    const auto at = connection->stream->next_timeout();
    if (at && *at <= now.mono) due.push_back(conn);
  }
  for (const auto conn : due) {
    auto* connection = find(conn);
    connection->stream->handle_timeout(now);
    drain_stream(now, *connection);
    mark(*connection);
  }
  if (greeter_) {
    greeter_->handle_timeout(now);
    swarm_->handle_timeout(now);
  }
  continue_attempts(now);
  replication_->handle_timeout(now);
  finish_turn(now);
}

void Hub::settle(Now now) { finish_turn(now); }

std::optional<TimePoint> Hub::next_timeout() const {
  Earliest next;
  next.consider(replication_->next_timeout());
  for (const auto& [conn, connection] : connections_) {
    if (connection->stream) next.consider(connection->stream->next_timeout());
    next.consider(connection->superseded);
    // Somebody waits for room that is there already: go on at once.
    if (connection->blocked && connection->can_take_more()) next.consider(now_.mono);
  }
  for (const auto& [id, attempt] : attempts_) {
    next.consider(attempt.next_dial);
    next.consider(attempt.give_up);
  }
  if (greeter_) {
    next.consider(greeter_->next_timeout());
    next.consider(swarm_->next_timeout());
  }
  return next.get();
}

// --- Turns -----------------------------------------------------------------------------------

// Handlers act on what this input brought, doomed streams are closed, and what all of that made is
// gathered for the driver. Closing a stream makes handlers act again, hence the loop.
void Hub::finish_turn(Now now) {
  now_ = now;
  do {
    close_doomed(now);
    take_greeter_events(now);
    take_card_events(now);
    take_swarm_events(now);
    resume_writers(now);
    for (auto* handler : handlers_) handler->turn_ended(now);
  } while (!doomed_.empty());
  while (auto event = replication_->poll_event()) events_.push(std::move(*event));
  for (const auto conn : std::exchange(dirty_, {})) {
    auto* connection = find(conn);
    if (connection == nullptr) continue;
    connection->dirty = false;
    if (connection->mux) connection->mux->flush();
    if (!connection->stream || connection->stream->pending_output() == 0) continue;
    if (!std::exchange(connection->has_output, true)) outputs_.push_back(conn);
  }
}

std::optional<LinkAction> Hub::poll_link() {
  if (!actions_.empty()) {
    auto action = std::move(actions_.front());
    actions_.pop_front();
    return action;
  }
  while (!outputs_.empty()) {
    auto* connection = find(outputs_.front());
    outputs_.pop_front();
    if (connection == nullptr) continue;
    connection->has_output = false;
    auto bytes = connection->stream->poll_output(now_);
    if (bytes.empty()) continue;
    connection->bytes_out += bytes.size();
    return LinkWrite{connection->info.conn, std::move(bytes)};
  }
  return std::nullopt;
}

std::optional<HubEvent> Hub::poll_event() { return events_.pop(); }

void Hub::mark(Connection& connection) {
  if (!std::exchange(connection.dirty, true)) dirty_.push_back(connection.info.conn);
}

void Hub::resume_writers(Now now) {
  for (const auto& [conn, connection] : connections_) {
    if (!connection->blocked || !connection->can_take_more()) continue;
    connection->blocked = false;
    for (auto* handler : handlers_) handler->writable(now, conn);
  }
}

void Hub::update_hold(Connection& connection) {
  const bool hold = connection.holds > 0 || (connection.mux && connection.mux->wants_pause());
  if (hold == connection.held || connection.doomed) return;
  connection.held = hold;
  actions_.push_back(LinkHold{connection.info.conn, hold});
}

// Above the bound for all streams the one with the largest unfinished frame goes.
void Hub::bound_unfinished(Connection& fresh) {
  if (fresh.stream->unfinished_bytes() < kMaxUnfinishedBytes / kMaxStreams) return;
  std::size_t total = 0;
  Connection* largest = &fresh;
  for (const auto& [conn, connection] : connections_) {
    if (!connection->stream || connection->doomed) continue;
    const auto size = connection->stream->unfinished_bytes();
    total += size;
    if (size > largest->stream->unfinished_bytes()) largest = connection.get();
  }
  if (total > kMaxUnfinishedBytes) {
    doom(*largest, make_error_code(StreamErrc::too_much_buffered), "unfinished frames");
  }
}

void Hub::doom(Connection& connection, std::error_code error, std::string reason) {
  if (std::exchange(connection.doomed, true)) return;
  connection.doom_error = error;
  connection.doom_reason = std::move(reason);
  doomed_.push_back(connection.info.conn);
}

void Hub::close_doomed(Now now) {
  while (!doomed_.empty()) {
    const auto conn = doomed_.back();
    doomed_.pop_back();
    const auto* connection = find(conn);
    if (connection == nullptr) continue;
    close_connection(now, conn, connection->doom_error, connection->doom_reason, false);
  }
}

void Hub::close_connection(Now now, ConnId conn, std::error_code error, std::string reason,
                           bool transport_gone) {
  const auto found = connections_.find(conn);
  const auto connection = std::move(found->second);
  connections_.erase(found);
  note_proven(*connection);
  ++counters_.closed[reason];
  if (!transport_gone) {
    // What was said before (closes of channels, the end of an answer) still goes out.
    if (connection->mux && !error) connection->mux->flush();
    if (connection->stream) {
      auto rest = connection->stream->poll_output(now);
      if (!rest.empty()) actions_.push_back(LinkWrite{conn, std::move(rest)});
    }
    actions_.push_back(LinkClose{conn});
  }
  if (!connection->is_open) {
    if (connection->user_dial) {
      events_.push(DialFailed{conn, connection->info.remote, error});
    }
    attempt_lost(now, *connection, error);
    return;
  }
  for (auto* handler : handlers_) handler->stream_closed(now, conn);
  events_.push(StreamDown{connection->info, error, std::move(reason)});
  const auto other = stream_to(connection->info.peer);
  if (other) {
    if (auto* kept = find(other->conn)) kept->superseded.reset();
  } else if (swarm_) {
    swarm_->stream_down(now, connection->info.peer);
  }
}

}  // namespace cip::overlay
