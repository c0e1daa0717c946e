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

TEST_CASE("what was read while the clock was ahead goes before what was read after it") {
  const UnixMillis ahead{2'000'000'000'000};
  const UnixMillis right{1'700'000'000'000};
  const auto first = next_use(ahead, UnixMillis{});
  const auto second = next_use(right, first);
  const auto third = next_use(right, second);
  CHECK(first == ahead);
  const std::vector shares{share(1, DiskClass::cache, 10, third.value),
                           share(2, DiskClass::cache, 10, first.value),
                           share(3, DiskClass::cache, 10, second.value)};
  CHECK(to_evict(shares, 0) == std::vector<FeedNumber>{2, 3, 1});
}

TEST_CASE("shares add up by class") {
  const std::vector shares{share(1, DiskClass::own, 1), share(2, DiskClass::own, 2),
                           share(3, DiskClass::kept, 4), share(4, DiskClass::cache, 8)};
  const auto use = sum_up(shares);
  CHECK(use.own == 3);
  CHECK(use.lasting() == 7);
  CHECK(use.total() == 15);
}

TEST_CASE("a stored feed takes its share of the whole, and its tree and index count") {
  const auto bare = held_bytes(Holdings{});
  CHECK(bare > 0);  // the directory has it
  FeedState state;
  CHECK(held_bytes(state) == bare);
  state.head.emplace();
  state.head->length = 8;
  state.head->byte_length = 80'000;
  BitfieldPage page;
  page.bits[0] = 0x0f;
  state.block_pages.push_back(page);
  const auto blocks_only = held_bytes(state);
  CHECK(blocks_only >= bare + 40'000);
  CHECK(blocks_only < bare + 41'000);
  state.node_pages.push_back(page);
  CHECK(held_bytes(state) >= blocks_only + 4 * 33);
}

TEST_CASE("empty blocks take room: three million of them 200 MB") {
  const Holdings empty{
      .length = 3'000'000, .byte_length = 0, .blocks = 3'000'000, .nodes = 6'000'000};
  CHECK(held_bytes(empty) >= 200'000'000);
  CHECK(held_bytes(empty) <= 300'000'000);
}

TEST_CASE("what others write to topics takes half of the quota, and the largest feed goes first") {
  const auto topic = [](FeedNumber feed, DiskClass disk_class, std::uint64_t bytes) {
    auto made = share(feed, disk_class, bytes);
    made.in_use = made.in_topic = true;
    return made;
  };
  const std::vector shares{share(1, DiskClass::own, 20), topic(2, DiskClass::cache, 10),
                           topic(3, DiskClass::cache, 30), topic(4, DiskClass::cache, 15)};
  CHECK(topic_feeds_to_give_up(shares, 110).empty());
  CHECK(topic_feeds_to_give_up(shares, 100) == std::vector<FeedNumber>{3});
  CHECK(topic_feeds_to_give_up(shares, 20) == std::vector<FeedNumber>{3, 4, 2});
  // Own feeds take what they want: topics make room.
  const std::vector grown{share(1, DiskClass::own, 80), topic(2, DiskClass::cache, 10),
                          topic(3, DiskClass::cache, 30)};
  CHECK(topic_feeds_to_give_up(grown, 100) == std::vector<FeedNumber>{3});
  // What a durable subscriber reads is never thrown away: then there is no more of it.
  const std::vector durable{topic(2, DiskClass::kept, 60), topic(3, DiskClass::cache, 5)};
  CHECK(topic_feeds_to_give_up(durable, 100) == std::vector<FeedNumber>{3});
  CHECK_FALSE(topics_fit(sum_up(durable), 100));
}
