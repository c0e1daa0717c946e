#pragma once

// A bounded table whose entries expire without timers of their own (dht.md 11). New entries go to
// the fresh generation; every 2/3 of the age the fresh one becomes the stale one and the former
// stale one is forgotten. An entry that is not touched lives between 2/3 and 4/3 of the age.
//
// When the fresh generation is full its farther half from our id is dropped, and until it turns
// nothing is taken from beyond: a flood flushes what we are least responsible for. A network may
// write a limited number of entries per generation. Ordered maps, because keys are chosen by
// strangers, who could collide hashes, and because order shows in answers.

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "dht/node_id.hpp"

namespace cip::dht {

struct GenerationLimits {
  Duration age{};
  std::size_t entries = 0;        // per generation
  std::size_t per_ip = SIZE_MAX;  // written per generation; public sources only
  std::size_t per_subnet24 = SIZE_MAX;
  bool keep_closest = true;
};

// What an entry is stored under: its distance to our id decides what stays.
inline const Bytes32& place_of(const Bytes32& target) { return target; }

template <typename Key, typename Value>
class Generations {
 public:
  using Map = std::map<Key, Value>;
  enum class Put : std::uint8_t { stored, over_quota, too_far };

  explicit Generations(const GenerationLimits& limits) : limits_(limits) {}

  // Writes to the fresh generation and replaces what is there under this key.
  Put put(TimePoint now, const NodeId& own_id, const Key& key, Value value, Endpoint from) {
    turn(now);
    if (const auto known = fresh_.find(key); known != fresh_.end()) {
      known->second = std::move(value);
      return Put::stored;
    }
    if (!has_quota(from)) return Put::over_quota;
    if (fresh_.size() >= limits_.entries) drop_farther_half(own_id);
    if (!has_room(own_id, key)) return Put::too_far;
    stale_.erase(key);
    fresh_.emplace(key, std::move(value));
    charge(from);
    return Put::stored;
  }

  // The entry, which is moved to the fresh generation. Null if there is none. `renewed`, if given,
  // tells whether it was moved just now.
  const Value* read(TimePoint now, const NodeId& own_id, const Key& key, bool* renewed = nullptr) {
    turn(now);
    const auto known = fresh_.find(key);
    if (known != fresh_.end()) return &known->second;
    const auto old = stale_.find(key);
    if (old == stale_.end()) return nullptr;
    if (fresh_.size() >= limits_.entries || !has_room(own_id, key)) return &old->second;
    if (renewed != nullptr) *renewed = true;
    return &fresh_.insert(stale_.extract(old)).position->second;
  }

  // An entry of an earlier run that has `left` to live: to the generation that it would be in. No
  // quota applies, since it was applied when the entry was written.
  void restore(TimePoint now, const NodeId& own_id, const Key& key, Value value, Duration left) {
    turn(now);
    if (left <= Duration{} || fresh_.contains(key) || stale_.contains(key)) return;
    const bool fresh = now + left > turned_at_ + limits_.age * 2 / 3;
    if (fresh ? !has_room(own_id, key) : stale_.size() >= limits_.entries) return;
    (fresh ? fresh_ : stale_).emplace(key, std::move(value));
  }
  // When an entry that is written now is forgotten if nobody touches it.
  TimePoint expiry() const { return turned_at_ + 2 * (limits_.age * 2 / 3); }
  // Keys that had to go since the last call because their generation was full.
  std::vector<Key> take_dropped() { return std::exchange(dropped_, {}); }

  void erase(const Key& key) {
    fresh_.erase(key);
    stale_.erase(key);
  }

  // Lets generations pass that are due. All other functions with a time do so too.
  void turn(TimePoint now) {
    const Duration period = limits_.age * 2 / 3;
    const auto due = (now - turned_at_) / period;
    if (due <= 0) return;
    stale_ = due == 1 ? std::move(fresh_) : Map{};
    fresh_.clear();
    by_ip_.clear();
    by_subnet24_.clear();
    horizon_.reset();
    turned_at_ += due * period;
  }
  std::optional<TimePoint> next_turn() const {
    if (empty()) return std::nullopt;
    return turned_at_ + limits_.age * 2 / 3;
  }

  // A key is in one of the two at most. Call turn() first.
  const Map& fresh() const { return fresh_; }
  const Map& stale() const { return stale_; }
  std::size_t size() const { return fresh_.size() + stale_.size(); }
  bool empty() const { return fresh_.empty() && stale_.empty(); }

 private:
  static std::uint64_t distance(const NodeId& own_id, const Key& key) {
    return distance_prefix(own_id.bytes, place_of(key));
  }
  bool has_room(const NodeId& own_id, const Key& key) const {
    if (fresh_.size() >= limits_.entries) return false;
    return !horizon_ || distance(own_id, key) < *horizon_;
  }

  void drop_farther_half(const NodeId& own_id) {
    if (!limits_.keep_closest) {
      stale_ = std::exchange(fresh_, {});
      return;
    }
    std::vector<std::uint64_t> distances;
    distances.reserve(fresh_.size());
    for (const auto& [key, value] : fresh_) distances.push_back(distance(own_id, key));
    const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
    std::nth_element(distances.begin(), middle, distances.end());
    horizon_ = *middle;
    for (auto entry = fresh_.begin(); entry != fresh_.end();) {
      const bool near = distance(own_id, entry->first) < *horizon_;
      if (!near) dropped_.push_back(entry->first);
      entry = near ? std::next(entry) : fresh_.erase(entry);
    }
  }

  bool has_quota(Endpoint from) const {
    if (from.realm() != Realm::public_network) return true;
    const auto written = [](const auto& counts, std::uint32_t source) {
      const auto found = counts.find(source);
      return found == counts.end() ? std::size_t{0} : found->second;
    };
    return written(by_ip_, from.ip) < limits_.per_ip &&
           written(by_subnet24_, from.subnet24()) < limits_.per_subnet24;
  }
  void charge(Endpoint from) {
    if (from.realm() != Realm::public_network) return;
    ++by_ip_[from.ip];
    ++by_subnet24_[from.subnet24()];
  }

  GenerationLimits limits_;
  Map fresh_;
  Map stale_;
  TimePoint turned_at_{};  // a multiple of the period: nothing depends on when the first entry came
  std::optional<std::uint64_t> horizon_;  // entries at this distance and beyond are refused
  std::vector<Key> dropped_;
  // Entries written to the fresh generation by each source.
  std::map<std::uint32_t, std::size_t> by_ip_;
  std::map<std::uint32_t, std::size_t> by_subnet24_;
};

}  // namespace cip::dht
