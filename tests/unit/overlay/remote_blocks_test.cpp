#include "overlay/remote_blocks.hpp"

#include <doctest/doctest.h>

using cip::overlay::kMaxRemotePages;
using cip::overlay::RemoteBlocks;

TEST_CASE("ranges from the start raise the gap-free length, others set bits") {
  RemoteBlocks blocks;
  blocks.add(0, 7);
  blocks.add(20, 3);
  CHECK(blocks.contiguous() == 7);
  CHECK(blocks.has(6));
  CHECK_FALSE(blocks.has(7));
  CHECK(blocks.has(22));
  CHECK(blocks.first(7, 100) == 20);
  CHECK(blocks.first(23, 100) == 100);
  CHECK(blocks.first_missing(0, 100) == 7);
  CHECK(blocks.first_missing(20, 100) == 23);
}

TEST_CASE("a range that follows the gap-free part continues it") {
  RemoteBlocks blocks;
  blocks.add(0, 7);
  blocks.add(7, 1);
  CHECK(blocks.contiguous() == 8);
}

TEST_CASE("a drop inside the gap-free part keeps what lies behind it") {
  RemoteBlocks blocks;
  blocks.add(0, 100);
  blocks.drop(10, 5);
  CHECK(blocks.contiguous() == 10);
  CHECK_FALSE(blocks.has(12));
  CHECK(blocks.has(15));
  CHECK(blocks.has(99));
  CHECK_FALSE(blocks.has(100));
}

TEST_CASE("a bitfield is the truth for its range") {
  RemoteBlocks blocks;
  blocks.add(0, 64);
  blocks.set_words({32, {0xf}});
  CHECK(blocks.has(31));
  CHECK(blocks.has(35));
  CHECK_FALSE(blocks.has(36));
  CHECK(blocks.contiguous() == 36);
}

TEST_CASE("a block that was refused is missing until it is announced again") {
  RemoteBlocks blocks;
  blocks.add(0, 10);
  blocks.refuse(4);
  CHECK_FALSE(blocks.has(4));
  CHECK(blocks.first(4, 10) == 5);
  CHECK(blocks.first_missing(0, 10) == 4);
  blocks.add(4, 1);
  CHECK(blocks.has(4));
}

TEST_CASE("a peer that announces everything everywhere is remembered within bounds") {
  RemoteBlocks blocks;
  const std::uint64_t far = std::uint64_t{1} << 50;
  blocks.add(4096, far);
  CHECK(blocks.has(4096));
  CHECK(blocks.has(4096 * kMaxRemotePages));
  CHECK_FALSE(blocks.has(4096 * (kMaxRemotePages + 2)));
  blocks.add(~std::uint64_t{0}, ~std::uint64_t{0});
  blocks.drop(~std::uint64_t{0}, ~std::uint64_t{0});
  blocks.add(0, far);
  CHECK(blocks.has(far - 1));
  blocks.drop(5, 1);
  CHECK(blocks.contiguous() == 5);
}
