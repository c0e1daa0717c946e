#pragma once

// How much downloads may have on its way to the disk, all feeds of a Replication together. Peers
// may be faster than a disk, and what they sent is kept in memory until it is written.

#include <cstddef>

namespace cip::overlay {

inline constexpr std::size_t kMostFetchAhead = 32 << 20;

class FetchBudget {
 public:
  // In bytes of blocks, those asked for by what blocks of their feed have on average.
  explicit FetchBudget(std::size_t limit = kMostFetchAhead) : limit_(limit) {}

  std::size_t limit() const { return limit_; }
  bool has_room() const { return used_ <= limit_; }

  // What one feed has of it; the budget outlives it.
  class Share {
   public:
    explicit Share(FetchBudget& budget) : budget_(budget) {}
    ~Share() { set(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    void set(std::size_t bytes) {
      budget_.used_ += bytes - bytes_;
      bytes_ = bytes;
    }
    // A feed that has nothing under way may have a block although others take all room: it does not
    // hear of it when they are done.
    bool may_take(bool is_idle) const { return budget_.has_room() || (is_idle && bytes_ == 0); }
    const FetchBudget& budget() const { return budget_; }

   private:
    FetchBudget& budget_;
    std::size_t bytes_ = 0;
  };

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

}  // namespace cip::overlay
