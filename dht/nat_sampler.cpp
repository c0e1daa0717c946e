#include "dht/nat_sampler.hpp"

#include <algorithm>
#include <vector>

namespace cip::dht {
namespace {

constexpr std::size_t kMaxSamples = 16;
constexpr std::size_t kMergeDepth = 4;  // only the latest samples are looked at for an equal entry

// The number of equal samples out of n that makes a belief.
unsigned threshold(std::size_t n) {
  const unsigned tolerated = n < 4 ? 0 : n < 8 ? 1 : n < 12 ? 2 : 3;
  return static_cast<unsigned>(n) - tolerated;
}

// Names an entry of one Tallies.
using TallyIndex = std::uint8_t;

// Addresses with the number of counted samples that refer to each. An address can have several
// entries, since samples merge only with recent ones; the best entry stays even without hits.
class Tallies {
 public:
  TallyIndex add(Endpoint address) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].hits > 0 || best_ == i) continue;
      entries_[i] = {address, 1};
      return static_cast<TallyIndex>(i);
    }
    entries_.push_back({address, 1});
    return static_cast<TallyIndex>(entries_.size() - 1);
  }
  void take(TallyIndex i) { ++entries_[i].hits; }
  void drop(TallyIndex i) { --entries_[i].hits; }
  // The best changes only when another one has strictly more hits.
  void consider(TallyIndex i) {
    if (best_ == kNone || entries_[best_].hits < entries_[i].hits) best_ = i;
  }
  Endpoint address(TallyIndex i) const { return entries_[i].address; }
  unsigned hits(TallyIndex i) const { return entries_[i].hits; }
  // The best address if it has that many hits.
  std::optional<Endpoint> best(unsigned needed) const {
    if (best_ == kNone || entries_[best_].hits < needed) return std::nullopt;
    return entries_[best_].address;
  }

 private:
  static constexpr TallyIndex kNone = UINT8_MAX;
  struct Entry {
    Endpoint address;
    std::uint8_t hits;
  };
  std::vector<Entry> entries_;  // one more than kMaxSamples at most, and the best
  TallyIndex best_ = kNone;
};

}  // namespace

struct NatSampler::State {
  struct Sample {
    TallyIndex pair;
    TallyIndex any_port;
    Endpoint source;
  };
  std::vector<Sample> samples;  // oldest first
  Tallies pairs;
  Tallies any_ports;

  void drop(std::size_t i) {
    pairs.drop(samples[i].pair);
    any_ports.drop(samples[i].any_port);
    samples.erase(samples.begin() + static_cast<std::ptrdiff_t>(i));
  }
  // Counts the address for its entry among the latest samples, or for a new one.
  TallyIndex count(Tallies& tallies, TallyIndex Sample::*kind, Endpoint address) {
    const std::size_t depth = std::min(kMergeDepth, samples.size());
    for (std::size_t i = 1; i <= depth; ++i) {
      const TallyIndex tally = samples[samples.size() - i].*kind;
      if (tallies.address(tally) != address) continue;
      tallies.take(tally);
      return tally;
    }
    return tallies.add(address);
  }
};

NatSampler::NatSampler(Counting counting) : counting_(counting) {}
NatSampler::~NatSampler() = default;
NatSampler::NatSampler(NatSampler&&) noexcept = default;
NatSampler& NatSampler::operator=(NatSampler&&) noexcept = default;

unsigned NatSampler::add(Endpoint seen, Endpoint source) {
  if (!state_) state_ = std::make_unique<State>();
  auto& samples = state_->samples;
  if (counting_ == Counting::one_per_subnet && source.realm() == Realm::public_network) {
    const auto voted = std::find_if(samples.begin(), samples.end(), [&](const auto& sample) {
      return sample.source.subnet24() == source.subnet24();
    });
    if (voted != samples.end()) {
      state_->drop(static_cast<std::size_t>(voted - samples.begin()));
    }
  }
  const TallyIndex pair = state_->count(state_->pairs, &State::Sample::pair, seen);
  const TallyIndex any = state_->count(state_->any_ports, &State::Sample::any_port, {seen.ip, 0});
  if (samples.size() == kMaxSamples) state_->drop(0);
  samples.push_back({pair, any, source});
  state_->pairs.consider(pair);
  state_->any_ports.consider(any);
  return state_->pairs.hits(pair);
}

void NatSampler::reset() { state_.reset(); }

std::optional<Endpoint> NatSampler::believed() const {
  if (!state_) return std::nullopt;
  const unsigned needed = threshold(state_->samples.size());
  if (const auto pair = state_->pairs.best(needed)) return pair;
  return state_->any_ports.best(needed);
}

unsigned NatSampler::size() const {
  return state_ ? static_cast<unsigned>(state_->samples.size()) : 0;
}

}  // namespace cip::dht
