#include "tests/abuse/attack_network.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace cip::test {

namespace {

constexpr std::size_t kK = 20;
constexpr std::uint16_t kPort = 4000;
constexpr Duration kLatency = std::chrono::milliseconds(20);
// Bits that a node must share with the target for its bucket there not to be full.
constexpr std::size_t kSparseBits = 5;

void keep_closest(std::vector<dht::Contact>& contacts, const dht::Target& target,
                  std::size_t count) {
  const auto middle =
      contacts.begin() + static_cast<std::ptrdiff_t>(std::min(count, contacts.size()));
  std::partial_sort(contacts.begin(), middle, contacts.end(),
                    [&](const dht::Contact& a, const dht::Contact& b) {
                      return dht::compare_distance(target, a.id.bytes, b.id.bytes) < 0;
                    });
  contacts.erase(middle, contacts.end());
}

}  // namespace

AttackNetwork::AttackNetwork(std::size_t honest, std::uint64_t seed, dht::Defences defences,
                             const std::vector<Endpoint>& attackers)
    : random_(seed), now_{TimePoint(std::chrono::hours(24)), {1'700'000'000'000}} {
  for (std::size_t i = 0; i < honest; ++i) {
    // 11.0.0.1, 11.1.0.1, ... each in a /16 of its own.
    const Endpoint at{0x0b000001 + (static_cast<std::uint32_t>(i) << 16), kPort};
    honest_.push_back(dht::contact_of(at));
    by_endpoint_[at] = i;
    dht::NodeOptions options;
    options.interfaces = {at.ip};
    options.server_port = kPort;
    options.private_overlay = false;
    options.mode = dht::NodeOptions::Mode::persistent;
    options.upkeep = false;
    options.reflection_budget = false;
    options.defences = defences;
    nodes_.push_back(std::make_unique<dht::Node>(std::move(options), arena_, random_));
    nodes_.back()->start(now_);
  }
  for (const auto at : attackers) {
    attacker_at_[at] = attackers_.size();
    attackers_.push_back(dht::contact_of(at));
  }
  fill_tables();
}

// For each node up to k random others per bucket, as long experience would bring it.
void AttackNetwork::fill_tables() {
  auto all = honest_;
  all.insert(all.end(), attackers_.begin(), attackers_.end());
  for (std::size_t i = all.size(); i > 1; --i) {
    std::swap(all[i - 1], all[static_cast<std::size_t>(random_.below(i))]);
  }
  for (std::size_t i = 0; i < honest_.size(); ++i) {
    std::array<std::size_t, 256> filled{};
    std::vector<dht::Contact> table;
    const auto start = static_cast<std::size_t>(random_.below(all.size()));
    for (std::size_t step = 0; step < all.size(); ++step) {
      const auto& other = all[(start + step) % all.size()];
      if (other.id == honest_[i].id) continue;
      const auto bucket = static_cast<std::size_t>(dht::shared_bits(honest_[i].id, other.id));
      if (filled[bucket]++ < kK) table.push_back(other);
    }
    nodes_[i]->assume(now_, table);
    drain(i);
  }
}

void AttackNetwork::add_attackers_around(const std::vector<Endpoint>& attackers,
                                         const dht::Target& target) {
  std::vector<dht::Contact> added;
  for (const auto at : attackers) {
    added.push_back(dht::contact_of(at));
    attacker_at_[at] = attackers_.size();
    attackers_.push_back(added.back());
  }
  for (std::size_t i = 0; i < honest_.size(); ++i) {
    const auto shared = dht::shared_bits(honest_[i].id, dht::NodeId{target});
    if (static_cast<std::size_t>(shared) >= kSparseBits) nodes_[i]->assume(now_, added);
  }
}

void AttackNetwork::remove_attackers() {
  attackers_.clear();
  attacker_at_.clear();
}

AttackNetwork::Result AttackNetwork::query(std::size_t node, const Command& command) {
  asking_ = node;
  events_.clear();
  const auto id = command(*nodes_[node], now_);
  drain(node);
  Result result;
  for (;;) {
    for (auto& event : std::exchange(events_, {})) {
      if (std::holds_alternative<dht::QueryReply>(event)) result.value = true;
      auto* done = std::get_if<dht::QueryDone>(&event);
      if (done == nullptr || done->query != id) continue;
      result.done = std::move(*done);
      asking_ = SIZE_MAX;
      return result;
    }
    const auto timer = std::min_element(timers_.begin(), timers_.end(),
                                        [](auto& a, auto& b) { return a.second < b.second; });
    const bool message =
        !queue_.empty() && (timer == timers_.end() || queue_.begin()->first <= timer->second);
    CIP_ASSERT(message || timer != timers_.end());
    if (message) {
      now_.mono = std::max(now_.mono, queue_.begin()->first);
      const auto packet = std::move(queue_.extract(queue_.begin()).mapped());
      deliver(packet);
    } else {
      now_.mono = std::max(now_.mono, timer->second);
      const auto due = timer->first;
      nodes_[due]->handle_timeout(now_);
      drain(due);
    }
  }
}

void AttackNetwork::drain(std::size_t node) {
  auto& machine = *nodes_[node];
  while (auto out = machine.poll_message()) {
    const auto jitter = Duration(random_.below(20'000));
    queue_.emplace(now_.mono + kLatency + jitter,
                   Packet{honest_[node].endpoint, out->to, std::move(out->message)});
  }
  while (auto event = machine.poll_event()) {
    if (node == asking_) events_.push_back(std::move(*event));
  }
  if (const auto next = machine.next_timeout()) {
    timers_[node] = *next;
  } else {
    timers_.erase(node);
  }
}

void AttackNetwork::deliver(const Packet& packet) {
  if (const auto honest = by_endpoint_.find(packet.to); honest != by_endpoint_.end()) {
    nodes_[honest->second]->handle_message(now_, dht::SocketRole::server, packet.from,
                                           packet.message);
    return drain(honest->second);
  }
  if (attacker_at_.contains(packet.to)) answer(packet);
}

void AttackNetwork::answer(const Packet& packet) {
  const auto* request = std::get_if<dht::Request>(&packet.message);
  if (request == nullptr) return;
  dht::Reply reply;
  reply.tid = request->tid;
  reply.to = packet.from;
  reply.id = attackers_[attacker_at_[packet.to]].id;
  reply.token = Bytes32{};
  if (request->target) {
    auto closest = attackers_;
    keep_closest(closest, *request->target, kK);
    for (const auto& attacker : closest) reply.closer.push_back(attacker.endpoint);
  }
  queue_.emplace(now_.mono + kLatency, Packet{packet.to, packet.from, std::move(reply)});
}

std::vector<dht::Contact> AttackNetwork::closest_honest(const dht::Target& target,
                                                        std::size_t count,
                                                        std::size_t without) const {
  auto out = honest_;
  out.erase(out.begin() + static_cast<std::ptrdiff_t>(without));
  keep_closest(out, target, count);
  return out;
}

}  // namespace cip::test
