#include "simulations/rounds.hpp"

#include <algorithm>
#include <unordered_set>

#include "dht/routing_table.hpp"

namespace cip::simulations {
namespace {

class RoundWalk {
 public:
  RoundWalk(World& world, NodeIndex from, const dht::Target& target)
      : world_(world), from_(from), target_(target) {}

  Looked run() {
    name_contacts_of(from_, 0);
    while (ask_round()) {
    }
    return judge();
  }

 private:
  struct Known {
    dht::Contact contact;
    NodeIndex node;
    unsigned depth;  // referrals: 0 is the own table
    bool asked = false;
    bool dead = false;
  };

  std::size_t k() const { return bucket_size(world_.parameters()); }

  void name_contacts_of(NodeIndex node, unsigned depth) {
    for (const auto& contact : world_.node(node).table().closest(target_, k())) {
      const NodeIndex index = world_.index_of(contact.endpoint);
      if (index == from_ || !seen_.insert(contact.endpoint).second) continue;
      const bool is_dead = index >= world_.size() || world_.is_gone(index);
      known_.push_back({contact, index, depth, false, is_dead});
    }
  }

  // The closest known first; those found dead are out.
  bool ask_round() {
    std::sort(known_.begin(), known_.end(), [this](const Known& a, const Known& b) {
      return dht::compare_distance(target_, a.contact.id.bytes, b.contact.id.bytes) < 0;
    });
    std::vector<std::size_t> chosen;
    std::size_t rank = 0;
    for (std::size_t i = 0; i < known_.size() && rank < k(); ++i) {
      if (known_[i].asked && known_[i].dead) continue;
      ++rank;
      if (!known_[i].asked && chosen.size() < world_.parameters().alpha) chosen.push_back(i);
    }
    if (chosen.empty()) return false;
    ++rounds_;
    Duration slowest{};
    std::vector<std::pair<NodeIndex, unsigned>> answered;
    for (const std::size_t i : chosen) {
      known_[i].asked = true;
      ++requests_;
      if (known_[i].dead) continue;
      answered.emplace_back(known_[i].node, known_[i].depth);
      const Region here = world_.region(from_), there = world_.region(known_[i].node);
      const auto& latency = world_.parameters().latency;
      const Duration there_and_back =
          latency.draw(world_.random(), here, there) + latency.draw(world_.random(), there, here);
      slowest = std::max(slowest, there_and_back);
    }
    took_ += slowest;
    for (const auto& [node, depth] : answered) name_contacts_of(node, depth + 1);
    return true;
  }

  Looked judge() const {
    auto expected =
        world_.oracle().closest(target_, std::max(k(), dht::Query::kReplicas) + 1, world_.gone());
    Looked out;
    std::erase(expected, from_);
    out.hops_first = hops_first(expected);
    if (expected.size() > k()) expected.resize(k());
    std::vector<const Known*> found;
    for (const Known& known : known_) {
      if (known.asked && !known.dead && found.size() < k()) found.push_back(&known);
    }
    out.requests = requests_;
    out.rounds = rounds_;
    out.latency_ms = to_ms(took_);
    out.success = !found.empty() && !expected.empty() && found[0]->node == expected[0];
    out.exact = found.size() == expected.size();
    for (std::size_t i = 0; out.exact && i < found.size(); ++i) {
      out.exact = found[i]->node == expected[i];
    }
    // In rounds the first referral to a node is also the shortest chain to it.
    if (!found.empty()) out.hops_to_closest = found[0]->depth + 1;
    return out;
  }

  // Until one of the 20 closest was named.
  unsigned hops_first(const std::vector<NodeIndex>& closest) const {
    const auto end = closest.begin() +
                     static_cast<std::ptrdiff_t>(std::min(closest.size(), dht::Query::kReplicas));
    unsigned first = UINT32_MAX;
    for (const Known& known : known_) {
      if (std::find(closest.begin(), end, known.node) != end) first = std::min(first, known.depth);
    }
    return first == UINT32_MAX ? 0 : first + 1;
  }

  World& world_;
  NodeIndex from_;
  dht::Target target_;
  std::vector<Known> known_;
  std::unordered_set<Endpoint, EndpointHash> seen_;
  double requests_ = 0;
  double rounds_ = 0;
  Duration took_{};
};

}  // namespace

std::vector<Looked> run_rounds(World& world, std::uint64_t count, const Progress& progress,
                               bool& whole) {
  std::vector<Looked> out;
  for (std::uint64_t i = 0; i < count && whole; ++i) {
    if (i % 64 == 0 && progress) {
      whole = progress({"lookups", i, count, world.stats().events, Stage::judging});
    }
    const NodeIndex from = world.random_live_node();
    out.push_back(RoundWalk(world, from, world.random().bytes<32>()).run());
  }
  return out;
}

std::string caveat_of_rounds(const Parameters& parameters) {
  const bool spares_lost =
      parameters.loss > 0 || parameters.reorder > 0 || parameters.partition.has_value();
  const bool spares_waits = parameters.dead > 0 || parameters.nat > 0;
  if (!spares_lost && !spares_waits) return {};
  std::string out = "a count of rounds on the tables, which sends nothing: ";
  if (spares_lost) out += "it loses no datagram";
  if (spares_lost && spares_waits) out += ", and ";
  if (spares_waits) out += "who does not answer costs it a request and no time";
  return out;
}

}  // namespace cip::simulations
