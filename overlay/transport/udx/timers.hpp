#pragma once

// The deadlines of many streams: a binary heap in which each entry knows its place, so that moving
// one costs O(log n) and allocates nothing.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace cip::overlay {

class UdxTimers {
 public:
  // Where the deadline of one owner stands. It stays where it is while it is set.
  struct Place {
    std::size_t index = kNone;
  };

  // Sets, moves or (none) takes away the deadline of the owner of `place`, known by `id`.
  void set(Place& place, std::uint32_t id, std::optional<TimePoint> at);
  std::optional<TimePoint> next() const;
  // The owner whose deadline is the earliest, if it is due; it has none then.
  std::optional<std::uint32_t> take_due(TimePoint now);

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Entry {
    TimePoint at;
    std::uint32_t id;
    Place* place;
  };

  void remove(Place& place);
  void put(std::size_t index, const Entry& entry);
  void rise(std::size_t index, const Entry& entry);
  void sink(std::size_t index, const Entry& entry);

  std::vector<Entry> heap_;
};

}  // namespace cip::overlay
