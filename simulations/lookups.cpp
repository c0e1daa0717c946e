#include "simulations/lookups.hpp"

#include <algorithm>

namespace cip::simulations {
namespace {

// Walks under way at once: enough to keep the clock from idling, few enough not to meet each other.
constexpr std::size_t kWalksAtOnce = 16;
// Of the closest nodes this many more are noted, since some may leave before the walk ends.
constexpr std::size_t kSpare = 8;

}  // namespace

Lookups::Lookups(World& world) : world_(world) {
  world_.on_event([this](NodeIndex node, const dht::Event& event) {
    if (const auto* done = std::get_if<dht::QueryDone>(&event)) finish(node, *done);
  });
}

void Lookups::begin() { begin(world_.random_live_node()); }

void Lookups::begin(NodeIndex from) {
  const auto target = world_.random().bytes<32>();
  UnderWay walk{target, world_.contact(from), {}};
  const auto k = bucket_size(world_.parameters());
  for (const NodeIndex node : world_.oracle().closest(target, k + 1 + kSpare, world_.gone())) {
    walk.expected.push_back(world_.contact(node));
  }
  pending_ = {from, std::move(walk)};
  const auto query =
      world_.command(from, [&](dht::Node& node, Now now) { return node.find_node(now, target); });
  if (pending_) under_way_.insert_or_assign(Key{from, query.value}, std::move(pending_->second));
  pending_.reset();
}

bool Lookups::run(std::uint64_t count, const Progress& progress) {
  std::uint64_t begun = 0;
  std::uint64_t reported = 0;
  const auto before = finished_.size();
  while (finished_.size() - before < count) {
    while (begun < count && under_way_.size() < kWalksAtOnce) {
      begin();
      ++begun;
    }
    if (finished_.size() - before >= count) break;
    if (!world_.step()) break;
    const auto done = finished_.size() - before;
    if (!progress || done < reported + 64) continue;
    reported = done;
    if (!progress({"lookups", done, count, world_.stats().events})) return false;
  }
  return !progress || progress({"lookups", count, count, world_.stats().events});
}

void Lookups::forget_the_dead() {
  // A newcomer in its place has another address.
  std::erase_if(under_way_, [this](const auto& walk) {
    const auto searcher = walk.first.first;
    return world_.is_dead(searcher) || world_.contact(searcher) != walk.second.searcher;
  });
}

void Lookups::finish(NodeIndex node, const dht::QueryDone& done) {
  const auto found = under_way_.find({node, done.query.value});
  if (found != under_way_.end() && found->second.target == done.target) {
    judge(node, found->second, done);
    under_way_.erase(found);
  } else if (pending_ && pending_->first == node && pending_->second.target == done.target) {
    judge(node, pending_->second, done);
    pending_.reset();
  }
}

void Lookups::judge(NodeIndex searcher, const UnderWay& walk, const dht::QueryDone& done) {
  auto expected = walk.expected;
  const dht::NodeId own = world_.contact(searcher).id;
  // The searcher does not walk to itself: it is not among the answers it could get. Nor is whoever
  // has left.
  std::erase_if(expected, [&](const dht::Contact& contact) {
    const NodeIndex index = world_.index_of(contact.endpoint);
    return contact.id == own || index >= world_.size() || world_.is_gone(index);
  });
  const auto k = bucket_size(world_.parameters());
  if (expected.size() > k) expected.resize(k);
  Looked out;
  out.requests = done.requests;
  out.latency_ms = to_ms(done.took);
  out.success = !expected.empty() && !done.closest.empty() && done.closest[0] == expected[0];
  out.exact = done.closest == expected;
  out.hops_to_closest = done.hops_to_closest;
  out.hops_first = done.hops_first;
  finished_.push_back(out);
}

}  // namespace cip::simulations
