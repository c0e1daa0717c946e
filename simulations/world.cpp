#include "simulations/world.hpp"

#include "base/assert.hpp"

namespace cip::simulations {
namespace {

constexpr std::uint16_t kPort = 49737;
// One in this many messages goes through the real codec.
constexpr std::uint64_t kCodecShare = 100;
// Simulated time starts here, so that no arithmetic on past times underflows.
constexpr Duration kStart = std::chrono::hours(24);

Endpoint endpoint_of(NodeIndex index) { return {0x7f000001u + index, kPort}; }

std::vector<dht::Contact> all_contacts(std::uint64_t nodes) {
  std::vector<dht::Contact> out;
  out.reserve(nodes);
  for (NodeIndex i = 0; i < nodes; ++i) out.push_back(dht::contact_of(endpoint_of(i)));
  return out;
}

dht::NodeOptions options_of(NodeIndex index, const Parameters& parameters) {
  dht::NodeOptions options;
  options.interfaces = {endpoint_of(index).ip};
  options.server_port = kPort;
  options.upkeep = false;
  options.k = static_cast<std::uint8_t>(parameters.k);
  options.alpha = static_cast<std::uint8_t>(parameters.alpha);
  return options;
}

}  // namespace

World::World(const Parameters& parameters)
    : parameters_(parameters),
      random_(parameters.seed),
      contacts_(parameters.nodes + 1),
      dead_(parameters.nodes, false),
      oracle_(all_contacts(parameters.nodes)),
      now_{TimePoint(kStart), UnixMillis{static_cast<std::uint64_t>(kStart.count()) / 1000}} {
  nodes_.reserve(parameters.nodes);
  for (NodeIndex i = 0; i < parameters.nodes; ++i) {
    auto machine = std::make_unique<dht::Node>(options_of(i, parameters), contacts_, random_);
    nodes_.push_back({std::move(machine), {}, false});
  }
}

void World::start_from_oracle(const Progress& progress) {
  for (NodeIndex i = 0; i < size(); ++i) {
    if (i % 1024 == 0 && progress && !progress(i, size())) return;
    dht::Node& machine = *nodes_[i].machine;
    machine.start(now_);
    machine.assume(now_, oracle_.ideal_table(i, parameters_.k, random_));
    drain(i);
  }
}

void World::start_by_joining(const Progress& progress) {
  for (NodeIndex i = 0; i < size(); ++i) {
    if (progress && !progress(i, size())) return;
    dht::Node& machine = *nodes_[i].machine;
    if (i > 0) {
      machine.add_bootstrap(now_, endpoint_of(static_cast<NodeIndex>(random_.below(i))));
    }
    machine.start(now_);
    drain(i);
    while (!machine.is_ready() && step()) {
    }
  }
}

std::size_t World::memory_bytes() const {
  std::size_t bytes = contacts_.memory_bytes();
  for (const Member& member : nodes_) bytes += member.machine->memory_bytes();
  return bytes;
}

bool World::step() {
  if (queue_.empty()) return false;
  const QueuedEvent event = queue_.pop();
  CIP_ASSERT(event.at >= now_.mono);
  now_.mono = event.at;
  now_.wall = {static_cast<std::uint64_t>(event.at.time_since_epoch().count()) / 1000};
  if (event.kind == QueuedEvent::Kind::message) {
    deliver(event.subject);
  } else {
    fire(event.subject, event.at);
  }
  return true;
}

NodeIndex World::index_of(Endpoint endpoint) const {
  const NodeIndex index = endpoint.ip - endpoint_of(0).ip;
  return endpoint.port == kPort && index < size() ? index : static_cast<NodeIndex>(size());
}

void World::send(NodeIndex from, dht::Outgoing&& out) {
  ++stats_.messages;
  if (stats_.messages % kCodecShare == 0) check_codec(out.message);
  const NodeIndex to = index_of(out.to);
  const bool lost = parameters_.loss > 0 && random_.unit() < parameters_.loss;
  if (lost || to >= size() || dead_[to] || dead_[from]) {
    ++stats_.lost;
    return;
  }
  std::uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(in_flight_.size());
    in_flight_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  in_flight_[slot] = {to, endpoint_of(from), std::move(out.message)};
  queue_.push(now_.mono + parameters_.latency.draw(random_), QueuedEvent::Kind::message, slot);
}

void World::deliver(std::uint32_t slot) {
  const InFlight arrived = std::move(in_flight_[slot]);
  free_slots_.push_back(slot);
  if (dead_[arrived.to]) return;
  ++stats_.events;
  trace_.add_number(static_cast<std::uint64_t>(now_.mono.time_since_epoch().count()));
  trace_.add_number(std::uint64_t{arrived.to} << 32 | arrived.from.ip);
  trace_.add(dht::encode_message(arrived.message));
  nodes_[arrived.to].machine->handle_message(now_, dht::SocketRole::server, arrived.from,
                                             arrived.message);
  drain(arrived.to);
}

void World::fire(NodeIndex index, TimePoint at) {
  Member& member = nodes_[index];
  if (dead_[index] || !member.armed || member.timer != at) return;
  member.armed = false;
  ++stats_.events;
  trace_.add_number(static_cast<std::uint64_t>(at.time_since_epoch().count()));
  trace_.add_number(index);
  member.machine->handle_timeout(now_);
  drain(index);
}

void World::drain(NodeIndex index) {
  dht::Node& machine = *nodes_[index].machine;
  while (auto out = machine.poll_message()) send(index, std::move(*out));
  while (auto event = machine.poll_event()) {
    if (handler_) handler_(index, *event);
  }
  // What the handler made this node say.
  while (auto out = machine.poll_message()) send(index, std::move(*out));
  arm(index);
}

void World::arm(NodeIndex index) {
  Member& member = nodes_[index];
  const auto due = member.machine->next_timeout();
  if (!due) {
    member.armed = false;
    return;
  }
  const TimePoint at = std::max(*due, now_.mono);
  if (member.armed && member.timer == at) return;
  member.timer = at;
  member.armed = true;
  queue_.push(at, QueuedEvent::Kind::timer, index);
}

void World::check_codec(const dht::Message& message) {
  ++stats_.through_codec;
  const auto decoded = dht::decode_message(dht::encode_message(message));
  CIP_ASSERT(decoded.has_value());
  CIP_ASSERT(*decoded == message);
}

}  // namespace cip::simulations
