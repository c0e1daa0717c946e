#include "store/disk_share.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::store;

namespace {

DiskShare share(FeedNumber feed, DiskClass disk_class, std::uint64_t bytes,
                std::uint64_t used = 0) {
  return {.feed = feed, .disk_class = disk_class, .bytes = bytes, .used = UnixMillis{used}};
}

}  // namespace

TEST_CASE("cache makes room in the order in which it was read, and no more than is needed") {
  const std::vector shares{share(1, DiskClass::own, 40), share(2, DiskClass::kept, 30),
                           share(3, DiskClass::cache, 20, 3), share(4, DiskClass::cache, 20, 1),
                           share(5, DiskClass::cache, 20, 2)};
  CHECK(to_evict(shares, 130).empty());
  CHECK(to_evict(shares, 129) == std::vector<FeedNumber>{4});
  CHECK(to_evict(shares, 100) == std::vector<FeedNumber>{4, 5});
  CHECK(to_evict(shares, 0) == std::vector<FeedNumber>{4, 5, 3});
}

TEST_CASE("what somebody reads at the moment is not evicted, and neither is what holds nothing") {
  std::vector shares{share(1, DiskClass::cache, 50, 1), share(2, DiskClass::cache, 50, 2),
                     share(3, DiskClass::cache, 0, 0)};
  shares[0].in_use = true;
  CHECK(to_evict(shares, 60) == std::vector<FeedNumber>{2});
}

TEST_CASE("shares add up by class") {
  const std::vector shares{share(1, DiskClass::own, 1), share(2, DiskClass::own, 2),
                           share(3, DiskClass::kept, 4), share(4, DiskClass::cache, 8)};
  const auto use = sum_up(shares);
  CHECK(use.own == 3);
  CHECK(use.lasting() == 7);
  CHECK(use.total() == 15);
}

TEST_CASE("a stored feed takes its share of the whole") {
  FeedState state;
  CHECK(held_bytes(state) == 0);
  state.head.emplace();
  state.head->length = 8;
  state.head->byte_length = 800;
  BitfieldPage page;
  page.bits[0] = 0x0f;
  state.block_pages.push_back(page);
  CHECK(held_bytes(state) == 400);
}
