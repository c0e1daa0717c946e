#include "simulations/world.hpp"

#include <utility>

#include "base/assert.hpp"
#include "base/prefetch.hpp"

namespace cip::simulations {
namespace {

constexpr std::uint32_t kFirstAddress = 0x7f000001;
constexpr std::uint16_t kPort = 49737;
constexpr std::uint16_t kLowestPort = 1024;
// One in this many messages goes through the real codec.
constexpr std::uint64_t kCodecShare = 100;
// Simulated time starts here, so that no arithmetic on past times underflows.
constexpr Duration kStart = std::chrono::hours(24);
// How long a NAT lets answers in after the last datagram out (RFC 4787 asks for 2 min).
constexpr Duration kNatOpen = std::chrono::minutes(2);
// The next node joins after this time, whether or not the one before is ready.
constexpr Duration kJoinPatience = std::chrono::minutes(1);
// A newcomer knows this many nodes to begin with.
constexpr int kEntries = 3;
// Tables are what bounds the contacts of a world: with churn they hold former nodes as well.
constexpr std::size_t kMaxContacts = std::size_t{1} << 31;
constexpr std::uint64_t kDatagramHeaders = 20 + 8;  // IPv4, UDP

}  // namespace

World::World(const Parameters& parameters)
    : parameters_(parameters),
      random_(parameters.seed),
      honest_(static_cast<std::size_t>(parameters.nodes)),
      living_(honest_),
      arena_(kMaxContacts),
      now_{TimePoint(kStart), UnixMillis{static_cast<std::uint64_t>(kStart.count()) / 1000}} {
  const auto all = honest_ + static_cast<std::size_t>(parameters.impostors.count);
  members_.resize(all);
  contacts_.resize(all);
  gone_.resize(all);
  unlisted_.resize(all);
  auto hidden = static_cast<std::uint64_t>(parameters.nat * static_cast<double>(honest_));
  for (; hidden > 0; --hidden) {
    NodeIndex node;
    do node = static_cast<NodeIndex>(random_.below(honest_));
    while (members_[node].nat);
    members_[node].nat = gone_[node] = unlisted_[node] = true;
  }
  for (NodeIndex i = 0; i < honest_; ++i) add_honest(i);
  for (auto i = static_cast<NodeIndex>(honest_); i < all; ++i) add_impostor(i);
}

void World::add_honest(NodeIndex index) {
  contacts_[index] = dht::contact_of({kFirstAddress + index, kPort});
  members_[index].region = parameters_.latency.draw_region(random_);
  make_node(index);
}

void World::add_impostor(NodeIndex index) {
  contacts_[index] =
      ImpostorRing::choose(kFirstAddress + index, parameters_.impostors.target, random_);
  members_[index].region = parameters_.latency.draw_region(random_);
  members_[index].at = contacts_[index].endpoint;
  impostors_.add(contacts_[index]);
  gone_[index] = true;
}

// A new node at the address of its place.
void World::make_node(NodeIndex index) {
  dht::NodeOptions options;
  const Endpoint at = contacts_[index].endpoint;
  options.interfaces = {at.ip};
  options.server_port = at.port;
  options.upkeep = parameters_.upkeep;
  options.reflection_budget = false;
  options.k = static_cast<std::uint8_t>(parameters_.k);
  options.alpha = static_cast<std::uint8_t>(parameters_.alpha);
  // It would find out by itself on a network of more than one host.
  if (members_[index].nat) options.mode = dht::NodeOptions::Mode::ephemeral;
  members_[index].at = at;
  members_[index].machine.emplace(std::move(options), arena_, random_);
}

bool World::start(const Progress& progress) {
  const bool whole =
      parameters_.start == Start::join ? start_by_joining(progress) : start_from_oracle(progress);
  auto left = static_cast<std::uint64_t>(parameters_.dead * static_cast<double>(honest_));
  for (; whole && left > 0; --left) kill(random_live_node());
  began_ = now_.mono;
  if (whole) start_churn();
  return whole && (!progress || progress(set_up_of(size())));
}

Now World::some_time_ago(Duration most) {
  const auto drawn = random_.below(static_cast<std::uint64_t>(most.count()));
  const Duration ago(static_cast<Duration::rep>(drawn));
  return {now_.mono - ago, UnixMillis{now_.wall.value - static_cast<std::uint64_t>(drawn) / 1000}};
}

Advance World::set_up_of(std::uint64_t nodes) const {
  return {"nodes", nodes, size(), stats_.events, Stage::set_up};
}

bool World::start_from_oracle(const Progress& progress) {
  const Oracle& all = oracle();
  for (NodeIndex i = 0; i < size(); ++i) {
    if (i % 1024 == 0 && progress && !progress(set_up_of(i))) return false;
    dht::Node& machine = *members_[i].machine;
    const Now begun = parameters_.spread > Duration(0) ? some_time_ago(parameters_.spread) : now_;
    machine.start(begun);
    const dht::NodeId& id = contacts_[i].id;
    machine.assume(begun, parameters_.start == Start::shared
                              ? all.shared_table(id, bucket_size(parameters_), parameters_.seed)
                              : all.ideal_table(id, bucket_size(parameters_), random_));
    drain(i);
  }
  return true;
}

// One after the other, through a node that joined before; those that cannot be reached come last.
bool World::start_by_joining(const Progress& progress) {
  std::vector<NodeIndex> joined;
  std::uint64_t done = 0;
  const auto join = [&](NodeIndex i) {
    dht::Node& machine = *members_[i].machine;
    if (!joined.empty()) {
      machine.add_bootstrap(now_, contacts_[joined[random_.pick(joined.size())]].endpoint);
    }
    machine.start(now_);
    drain(i);
    // Who meets nothing but loss goes on trying while the next ones join.
    const TimePoint patience = now_.mono + kJoinPatience;
    while (!machine.is_ready() && !queue_.empty() && queue_.next().at < patience) step();
    if (!members_[i].nat) joined.push_back(i);
  };
  for (const bool nat : {false, true}) {
    for (NodeIndex i = 0; i < size(); ++i) {
      if (members_[i].nat != nat) continue;
      if (progress && !progress(set_up_of(done++))) return false;
      join(i);
    }
  }
  return true;
}

void World::start_churn() {
  const ChurnModel& churn = parameters_.churn;
  for (const TraceLine& line : churn.trace) {
    queue_.push(now_.mono + line.at, line.up ? QueuedEvent::Kind::join : QueuedEvent::Kind::leave,
                line.node);
  }
  if (churn.kind == ChurnModel::Kind::none || churn.kind == ChurnModel::Kind::trace) return;
  for (NodeIndex i = 0; i < size(); ++i) {
    if (!members_[i].dead) leave_later(i);
  }
}

void World::leave_later(NodeIndex index) {
  queue_.push(now_.mono + parameters_.churn.draw(random_), QueuedEvent::Kind::leave, index);
}

void World::happen_leave(NodeIndex index) {
  if (members_[index].dead || living_ <= 2) return;
  kill(index);
  ++stats_.left;
  if (parameters_.churn.kind == ChurnModel::Kind::trace) return;
  revive(index);
  leave_later(index);
}

void World::kill(NodeIndex node) {
  Member& member = members_[node];
  if (member.dead) return;
  member.dead = true;
  member.due = kNever;
  gone_[node] = true;
  --living_;
}

void World::revive(NodeIndex node) {
  Member& member = members_[node];
  if (!member.dead) return;
  Endpoint at = contacts_[node].endpoint;
  at.port = at.port == UINT16_MAX ? kLowestPort : static_cast<std::uint16_t>(at.port + 1);
  contacts_[node] = dht::contact_of(at);
  make_node(node);
  for (int i = 0; i < kEntries; ++i) {
    const NodeIndex known = random_live_node();
    member.machine->add_bootstrap(now_, contacts_[known].endpoint);
  }
  member.dead = false;
  gone_[node] = member.nat;
  ++living_;
  ++stats_.joined;
  oracle_.reset();
  member.machine->start(now_);
  drain(node);
}

const Oracle& World::oracle() {
  if (!oracle_) oracle_ = std::make_unique<Oracle>(contacts_, unlisted_);
  return *oracle_;
}

std::size_t World::memory_bytes() const {
  std::size_t bytes = arena_.memory_bytes();
  for (std::size_t i = 0; i < honest_; ++i) bytes += members_[i].machine->memory_bytes();
  return bytes;
}

NodeIndex World::random_live_node() {
  NodeIndex node;
  do node = static_cast<NodeIndex>(random_.below(size()));
  while (gone_[node]);
  return node;
}

NodeIndex World::index_of(Endpoint endpoint) const {
  const NodeIndex index = endpoint.ip - kFirstAddress;
  const bool known = index < members_.size() && members_[index].at == endpoint;
  return known ? index : static_cast<NodeIndex>(members_.size());
}

// In a large world everything is far from the processor. While this event is at work, what the next
// ones touch is fetched, in steps, since each tells where more of it lies.
void World::prefetch_next() const {
  const auto events = queue_.upcoming();
  if (events.size() > 9) prefetch_event(events[9]);
  if (events.size() > 6) prefetch_machine(events[6]);
  if (events.size() > 4) prefetch_index(events[4]);
  if (events.size() > 2) prefetch_contacts(events[2]);
  if (events.size() > 1) prefetch_sender(events[1]);
}

void World::prefetch_event(const QueuedEvent& event) const {
  __builtin_prefetch(&members_[event.node]);
  if (event.kind() != QueuedEvent::Kind::message) return;
  base::prefetch(&in_flight_[event.subject], sizeof(InFlight));
}

// Null if the event will find nothing to do there.
const dht::Node* World::machine_for(const QueuedEvent& event) const {
  const Member& member = members_[event.node];
  const bool idle = event.kind() == QueuedEvent::Kind::timer && member.due > event.at;
  return member.machine && !idle ? &*member.machine : nullptr;
}

void World::prefetch_machine(const QueuedEvent& event) const {
  if (const auto* machine = machine_for(event)) machine->prefetch();
  for (const auto& endpoint : named_in(event)) __builtin_prefetch(&endpoint);
}

void World::prefetch_index(const QueuedEvent& event) const {
  if (const auto* machine = machine_for(event)) machine->prefetch_table();
  if (event.kind() == QueuedEvent::Kind::message) {
    arena_.prefetch_index(in_flight_[event.subject].from);
  }
  for (const auto endpoint : named_in(event)) arena_.prefetch_index(endpoint);
}

void World::prefetch_contacts(const QueuedEvent& event) const {
  if (event.kind() != QueuedEvent::Kind::message) return;
  const InFlight& arriving = in_flight_[event.subject];
  arena_.prefetch_contact(arriving.from);
  for (const auto endpoint : named_in(event)) arena_.prefetch_contact(endpoint);
  const auto& machine = members_[event.node].machine;
  const auto* request = std::get_if<dht::Request>(&arriving.message);
  if (machine && request != nullptr && request->target)
    machine->prefetch_bucket({*request->target});
}

void World::prefetch_sender(const QueuedEvent& event) const {
  const auto& machine = members_[event.node].machine;
  if (!machine || event.kind() != QueuedEvent::Kind::message) return;
  const auto sender = arena_.find(in_flight_[event.subject].from);
  if (sender != dht::kNoContact) machine->prefetch_bucket(arena_[sender].id);
}

// The endpoints that the message of an event names.
std::span<const Endpoint> World::named_in(const QueuedEvent& event) const {
  if (event.kind() != QueuedEvent::Kind::message) return {};
  const auto* reply = std::get_if<dht::Reply>(&in_flight_[event.subject].message);
  return reply != nullptr ? std::span(reply->closer) : std::span<const Endpoint>();
}

bool World::step() {
  if (queue_.empty()) return false;
  const QueuedEvent event = queue_.pop();
  prefetch_next();
  CIP_ASSERT(event.at >= now_.mono);
  now_.mono = event.at;
  now_.wall = {static_cast<std::uint64_t>(event.at.time_since_epoch().count()) / 1000};
  touched_ = static_cast<NodeIndex>(members_.size());
  switch (event.kind()) {
    case QueuedEvent::Kind::message:
      deliver(event.subject);
      break;
    case QueuedEvent::Kind::timer:
      fire(event.node, event.at);
      break;
    case QueuedEvent::Kind::leave:
      if (calm_) break;
      note(event);
      happen_leave(event.node);
      break;
    case QueuedEvent::Kind::join:
      if (calm_) break;
      note(event);
      revive(event.node);
      break;
  }
  return true;
}

void World::run_until(TimePoint at) {
  while (!queue_.empty() && queue_.next().at <= at) step();
  if (at <= now_.mono) return;
  now_.mono = at;
  now_.wall = {static_cast<std::uint64_t>(at.time_since_epoch().count()) / 1000};
}

void World::note(const QueuedEvent& event) {
  ++stats_.events;
  touched_ = event.node;
  trace_.add_number(static_cast<std::uint64_t>(event.at.time_since_epoch().count()));
  trace_.add_number(std::uint64_t{event.node} << 8 | static_cast<std::uint64_t>(event.kind()));
}

bool World::is_cut(NodeIndex from, NodeIndex to) const {
  if (calm_ || !parameters_.partition || from % 2 == to % 2) return false;
  const Duration since = now_.mono - began_;
  return since >= parameters_.partition->begin && since < parameters_.partition->end;
}

bool World::passes_nat(NodeIndex to, Endpoint from) {
  if (!members_[to].nat) return true;
  const auto open = nat_open_.find(std::uint64_t{to} << 32 | (from.ip - kFirstAddress));
  return open != nat_open_.end() && open->second >= now_.mono;
}

void World::send(NodeIndex from, dht::Outgoing&& out) {
  ++stats_.messages;
  if (observer_) observer_(Passing::sent, from, out.to, out.message);
  const NodeIndex to = index_of(out.to);
  const bool lost = !calm_ && parameters_.loss > 0 && random_.unit() < parameters_.loss;
  if (members_[from].nat && to < members_.size()) {
    nat_open_[std::uint64_t{from} << 32 | to] = now_.mono + kNatOpen;
  }
  if (lost || to >= members_.size() || members_[to].dead || is_cut(from, to)) {
    ++stats_.lost;
    return;
  }
  post(members_[from].at, out.to, to, std::move(out.message));
}

void World::post(Endpoint from, Endpoint to, NodeIndex to_index, dht::Message&& message) {
  std::uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(in_flight_.size());
    in_flight_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  const Region here = members_[from.ip - kFirstAddress].region;
  auto under_way = parameters_.latency.draw(random_, here, members_[to_index].region);
  if (!calm_ && parameters_.reorder > 0 && random_.unit() < parameters_.reorder) {
    under_way += Duration(static_cast<Duration::rep>(
        random_.below(static_cast<std::uint64_t>(under_way.count()) + 1)));
  }
  in_flight_[slot].to = to;
  in_flight_[slot].from = from;
  in_flight_[slot].message = std::move(message);
  queue_.push(now_.mono + under_way, QueuedEvent::Kind::message, to_index, slot);
}

void World::deliver(std::uint32_t slot) {
  const InFlight arrived = std::move(in_flight_[slot]);
  free_slots_.push_back(slot);
  const NodeIndex to = index_of(arrived.to);
  if (to >= members_.size() || members_[to].dead || !passes_nat(to, arrived.from)) return;
  ++stats_.events;
  encoded_ = dht::encode_message(arrived.message, std::move(encoded_));
  stats_.bytes += encoded_.size() + kDatagramHeaders;
  if (parameters_.codec_all || stats_.events % kCodecShare == 0) check_codec(arrived.message);
  trace_.add_number(static_cast<std::uint64_t>(now_.mono.time_since_epoch().count()));
  trace_.add_number(std::uint64_t{to} << 32 | arrived.from.ip);
  trace_.add(encoded_);
  if (observer_) observer_(Passing::delivered, to, arrived.from, arrived.message);
  if (to >= honest_) {
    if (const auto* request = std::get_if<dht::Request>(&arrived.message)) {
      const NodeIndex back = index_of(arrived.from);
      if (back >= members_.size()) return;
      post(arrived.to, arrived.from, back,
           impostors_.answer(contacts_[to], arrived.from, *request));
    }
    return;
  }
  touched_ = to;
  members_[to].machine->handle_message(now_, dht::SocketRole::server, arrived.from,
                                       arrived.message);
  drain(to);
}

void World::fire(NodeIndex index, TimePoint at) {
  Member& member = members_[index];
  if (at != member.queued) return;
  member.queued = std::exchange(member.queued_after, kNever);
  if (member.due > at) return queue_timer(index);
  member.due = kNever;
  ++stats_.events;
  touched_ = index;
  trace_.add_number(static_cast<std::uint64_t>(at.time_since_epoch().count()));
  trace_.add_number(index);
  member.machine->handle_timeout(now_);
  drain(index);
}

void World::drain(NodeIndex index) {
  dht::Node& machine = *members_[index].machine;
  while (auto out = machine.poll_message()) send(index, std::move(*out));
  while (auto event = machine.poll_event()) {
    if (handler_) handler_(index, *event);
  }
  // What the handler made this node say.
  while (auto out = machine.poll_message()) send(index, std::move(*out));
  arm(index);
}

void World::arm(NodeIndex index) {
  const auto due = members_[index].machine->next_timeout();
  members_[index].due = due ? std::max(*due, now_.mono) : kNever;
  queue_timer(index);
}

void World::queue_timer(NodeIndex index) {
  Member& member = members_[index];
  if (member.due >= member.queued) return;
  member.queued_after = std::exchange(member.queued, member.due);
  queue_.push(member.due, QueuedEvent::Kind::timer, index);
}

void World::check_codec(const dht::Message& message) {
  ++stats_.through_codec;
  const auto decoded = dht::decode_message(encoded_);
  CIP_ASSERT(decoded.has_value());
  CIP_ASSERT(*decoded == message);
}

}  // namespace cip::simulations
