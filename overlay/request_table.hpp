#pragma once

// Requests that are under way on one channel and the ids they go by (feeds.md 10.4). Ids start at 1
// and stay small: an id is used again once its answer has come. After a cancel that may still be
// under way, so the id rests until a later request has been answered.

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace cip::overlay {

struct InFlight {
  std::optional<std::uint64_t> block;
  std::uint64_t fork = 0;
  bool upgrade = false;
  bool manifest = false;
  // It climbs only to a node that an earlier request on this channel will bring.
  bool relies_on_earlier = false;
  std::uint64_t seek = 0;  // the search for a byte offset that it is for; 0: none
  TimePoint sent{};
};

class RequestTable {
 public:
  // Returns the id.
  std::uint64_t add(InFlight request);
  // The answer to `id` has come: gives the request, and frees the id. Nothing for an id that is not
  // in use or was cancelled.
  std::optional<InFlight> answer(std::uint64_t id);
  void cancel(std::uint64_t id);
  // Cancels all; the ids and what they were.
  struct Cancelled {
    std::uint64_t id = 0;
    InFlight request;
  };
  std::vector<Cancelled> cancel_all();

  // Whether an answer to this id may come: it is in use, or was cancelled not long ago.
  bool expects(std::uint64_t id) const;
  // The oldest request for a block that `wanted` accepts, with its id.
  template <typename Accept>
  std::optional<Cancelled> oldest_block(Accept wanted) const {
    std::optional<Cancelled> oldest;
    for (std::uint64_t id = 1; id <= slots_.size(); ++id) {
      const auto& slot = at(id);
      if (slot.state != State::in_flight || !slot.request.block || slot.request.upgrade) continue;
      if (oldest && oldest->request.sent <= slot.request.sent) continue;
      if (wanted(*slot.request.block)) oldest = Cancelled{id, slot.request};
    }
    return oldest;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  enum class State : std::uint8_t { free, in_flight, cancelled };
  struct Slot {
    State state = State::free;
    std::uint64_t order = 0;  // of sending
    InFlight request;
  };
  struct Resting {
    std::uint64_t order = 0;
    std::uint64_t id = 0;
  };

  // `id` is one of those given.
  const Slot& at(std::uint64_t id) const { return slots_[static_cast<std::size_t>(id - 1)]; }
  Slot& at(std::uint64_t id) { return slots_[static_cast<std::size_t>(id - 1)]; }
  Slot* slot(std::uint64_t id);
  void release(std::uint64_t id);
  void wake_resting(std::uint64_t answered_order);

  std::vector<Slot> slots_;  // of id - 1
  std::vector<std::uint64_t> free_;
  std::deque<Resting> resting_;
  std::uint64_t next_order_ = 1;
  std::size_t size_ = 0;
};

}  // namespace cip::overlay
