#include "node/feed_room.hpp"

#include <doctest/doctest.h>

#include "tests/unit/store/feed_fixture.hpp"

using namespace cip;
using namespace cip::node;

TEST_CASE("what blocks that are not here would take, and how many of them fit") {
  auto writer = test::FeedRig::writer();
  writer.append(std::vector<Bytes>(100, Bytes(1000)));
  auto reader = test::FeedRig::reader();
  CHECK(missing_bytes(reader.feed, 0, 100) == 0);  // nothing is known yet
  CHECK(end_within(reader.feed, 0, 1 << 20) == 0);
  REQUIRE_FALSE(reader.apply(*writer.prove(test::upgrade_request(reader.feed, 100))));

  const auto all = missing_bytes(reader.feed, 0, 1000);
  CHECK(all >= 100 * 1000);
  CHECK(all <= 100 * 1300);  // with tree and index
  CHECK(missing_bytes(reader.feed, 40, 60) == all / 5);
  CHECK(missing_bytes(reader.feed, 60, 40) == 0);
  CHECK(end_within(reader.feed, 0, all) == 100);
  CHECK(end_within(reader.feed, 0, all - 1) == 99);
  CHECK(end_within(reader.feed, 90, 0) == 90);

  // Blocks that are here take nothing more.
  for (std::uint64_t i = 0; i < 10; ++i)
    REQUIRE_FALSE(reader.apply(*writer.prove(test::block_request(reader.feed, i))));
  CHECK(missing_bytes(reader.feed, 0, 100) == all / 10 * 9);
  CHECK(end_within(reader.feed, 0, 0) == 10);
  CHECK(end_within(reader.feed, 0, all / 2) == 60);
}
