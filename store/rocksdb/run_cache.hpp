#pragma once

// Runs read lately, so that the proofs a seeder builds one after another, which climb through the
// same few runs, cost a lookup each instead of a search of the database. Bounded by bytes, oldest
// use out first. Thread-safe.
//
// A reader may have looked at the database just before a commit removed a run. It therefore takes
// the epoch before it looks and hands it back with what it found: removals move the epoch on, and
// what was found under an older one is not kept.

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/bytes.hpp"
#include "store/rocksdb/run_codec.hpp"

namespace cip::store {

// One run in memory; `view` points into `value`.
template <typename View>
struct Run {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  Bytes value;
  View view;

  bool holds(std::uint64_t position) const { return first <= position && position <= last; }
  std::size_t offset(std::uint64_t position) const {
    return static_cast<std::size_t>(position - first);
  }
};
template <typename View>
using RunPtr = std::shared_ptr<const Run<View>>;

// nullptr when the bytes are no run that ends at `last`.
template <typename View>
RunPtr<View> make_run(std::uint64_t last, ByteView value) {
  auto run = std::make_shared<Run<View>>();
  run->value = to_bytes(value);
  const auto view = View::open(run->value);
  if (!view || view->count() > last + 1) return nullptr;
  run->view = *view;
  run->last = last;
  run->first = last + 1 - view->count();
  return run;
}

template <typename View>
class RunCache {
 public:
  explicit RunCache(std::size_t capacity_bytes) : capacity_(capacity_bytes) {}

  std::uint64_t epoch() const {
    std::lock_guard lock(mutex_);
    return epoch_;
  }

  // The run that holds `position`, or nullptr.
  RunPtr<View> find(FeedNumber feed, std::uint64_t position) {
    std::lock_guard lock(mutex_);
    const auto found = runs_.lower_bound({feed, position});
    if (found == runs_.end() || found->first.first != feed) return nullptr;
    auto& entry = found->second;
    if (!entry->run->holds(position)) return nullptr;
    order_.splice(order_.begin(), order_, entry);
    return entry->run;
  }

  void insert(std::uint64_t seen_epoch, FeedNumber feed, RunPtr<View> run) {
    std::lock_guard lock(mutex_);
    const Key key{feed, run->last};
    if (seen_epoch != epoch_ || runs_.contains(key)) return;
    bytes_ += cost(*run);
    order_.push_front({key, std::move(run)});
    runs_.emplace(key, order_.begin());
    while (bytes_ > capacity_ && order_.size() > 1) drop(runs_.find(order_.back().key));
  }

  // Forgets the runs of `feed` that reach `from` or lie behind it.
  void erase(FeedNumber feed, std::uint64_t from) {
    std::lock_guard lock(mutex_);
    ++epoch_;
    auto at = runs_.lower_bound({feed, from});
    while (at != runs_.end() && at->first.first == feed) drop(at++);
  }

  void clear() {
    std::lock_guard lock(mutex_);
    ++epoch_;
    order_.clear();
    runs_.clear();
    bytes_ = 0;
  }

  std::size_t bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  using Key = std::pair<FeedNumber, std::uint64_t>;
  struct Entry {
    Key key;
    RunPtr<View> run;
  };
  using Order = std::list<Entry>;
  using Index = std::map<Key, typename Order::iterator>;

  // The bookkeeping of an entry in the two containers is about this much.
  static constexpr std::size_t kEntryBytes = 256;
  static std::size_t cost(const Run<View>& run) { return run.value.size() + kEntryBytes; }

  void drop(typename Index::iterator at) {
    bytes_ -= cost(*at->second->run);
    order_.erase(at->second);
    runs_.erase(at);
  }

  mutable std::mutex mutex_;
  const std::size_t capacity_;
  std::size_t bytes_ = 0;
  std::uint64_t epoch_ = 0;
  Order order_;  // most recently used first
  Index runs_;
};

}  // namespace cip::store
