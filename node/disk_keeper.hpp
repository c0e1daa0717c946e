#pragma once

// Holds the feeds of a home to its quota of disk (decisions.md D15): lets cache go, oldest read
// first, then what others write to topics, largest first, and says no to own and kept blocks that
// do not fit.

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "node/error.hpp"
#include "node/feed_library.hpp"
#include "node/feed_room.hpp"
#include "store/storage_requests.hpp"

namespace cip::node {

// How often it is looked whether all is within the quota: what a download brings meanwhile may
// exceed it, and goes again.
inline constexpr Duration kDiskLook = std::chrono::seconds(1);

// What a node of this home may take when nobody said: 10 GiB or a tenth of the disk (decisions.md
// D15).
std::uint64_t default_quota(const std::filesystem::path& home);

class DiskKeeper {
 public:
  // All outlive it.
  DiskKeeper(asio::io_context& io, FeedLibrary& feeds, store::StorageRequests& storage,
             std::uint64_t quota);

  // Learns what the database holds, says so, then watches.
  void start(std::function<void()> on_counted);
  // Whether `bytes` more of own or kept feeds fit beside what is being fetched. Error full: says
  // what takes the room.
  Outcome<void> admit(std::uint64_t bytes) const { return admit(bytes, nullptr); }
  // The same for a feed that is to be kept from now on, however large it is: some of it must fit.
  Outcome<void> admit_some() const;
  // Kept feeds that are followed lack what has no room.
  bool is_short() const { return is_short_; }
  // Nothing more of what others write to topics is taken.
  bool is_topics_full() const { return is_topics_full_; }
  // What a fetch still has to bring. Once it was admitted, others do not get that room; it ends
  // with the object, or when it is refused.
  class Claim {
   public:
    Claim(DiskKeeper& keeper, std::function<DiskDemand()> missing);
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    Outcome<void> admit();

   private:
    friend class DiskKeeper;
    DiskKeeper& keeper_;
    std::weak_ptr<char> keeper_alive_;
    std::function<DiskDemand()> missing_;  // by now
    bool is_admitted_ = false;
  };
  std::uint64_t quota() const { return quota_; }
  // Holds at the next look, as everything that is taken meanwhile.
  void set_quota(std::uint64_t quota) { quota_ = quota; }
  // What else takes of the quota: records that are stored for others.
  std::function<std::uint64_t()> other_bytes = [] { return std::uint64_t{0}; };
  // A topic's feed of another author must go; whoever holds it open gives it up.
  std::function<void(store::FeedNumber)> on_give_up = [](store::FeedNumber) {};
  // Whether anything more of what others write to topics fits.
  std::function<void(bool)> on_topics_full = [](bool) {};
  // As known here: feeds that are open as they are now, the others as they were closed.
  store::DiskUse use() const { return store::sum_up(shares()); }
  std::vector<store::DiskShare> shares() const;

 private:
  Outcome<void> admit(std::uint64_t bytes, const Claim* except) const;
  std::uint64_t room() const { return quota_ - std::min(quota_, other_bytes()); }
  // What a feed that takes its share still lacks: of all that is known of it, and of what it may
  // fetch now.
  struct Wish {
    store::FeedNumber feed = 0;
    std::uint64_t from = 0;  // the first block that it wants
    std::uint64_t missing = 0;
    std::uint64_t allowed = 0;
  };

  std::vector<Wish> wishes() const;
  std::uint64_t demanded(const Claim* except) const;
  Error full(std::uint64_t bytes) const;
  void allot();
  void look_later();
  void look();
  void evict(store::FeedNumber feed);

  FeedLibrary& feeds_;
  store::StorageRequests& storage_;
  std::uint64_t quota_;
  std::map<store::FeedNumber, store::DiskShare> closed_;  // of feeds that are not open
  std::set<Claim*> claims_;
  bool is_counted_ = false;
  bool is_short_ = false;
  bool is_topics_full_ = false;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
