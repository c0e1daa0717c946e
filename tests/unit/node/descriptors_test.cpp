#include "node/descriptors.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

using namespace cip::node;

TEST_CASE("few descriptors are shared so that the owner keeps some") {
  for (const std::size_t limit : {64U, 96U, 128U, 256U, 1024U, 4096U}) {
    const auto shares = share_descriptors(limit);
    CHECK(shares.database >= 20);
    CHECK(shares.streams >= 8);
    // About 24 are in use by the node itself.
    CHECK(shares.database + shares.streams + 24 + 4 <= limit);
  }
}

TEST_CASE("with many descriptors the shares have their full size") {
  CHECK(share_descriptors(4096).streams == 512);
  CHECK(share_descriptors(4096).database == 256);
}

TEST_CASE("the soft limit of descriptors is raised towards the hard one") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  if (before.rlim_max < 128) return;
  rlimit low{100, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(raise_descriptor_limit() > 100);
  rlimit after{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
  CHECK(after.rlim_cur > 100);
  CHECK(after.rlim_max == before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}
