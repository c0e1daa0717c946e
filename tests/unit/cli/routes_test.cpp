#include "cli/command_routes.hpp"

#include <doctest/doctest.h>

namespace cip::cli {

namespace {

Json contact(unsigned bucket, double seen_ms, Json rtt_ms, bool stale = false) {
  return {{"bucket", bucket}, {"seenMs", seen_ms}, {"rttMs", rtt_ms}, {"stale", stale}};
}

}  // namespace

TEST_CASE("the picture of the buckets shows fill, age and round trip") {
  CHECK(bucket_picture({contact(3, 2'000'000, nullptr, true), contact(0, 700'000, 4),
                        contact(0, 1000, 1), contact(0, 70'000, 2)}) ==
        "bucket                          round trip\n"
        "     0  [#+-                 ]        2 ms\n"
        "     3  [.                   ]            \n"
        "4 contacts in 2 buckets; heard of within a minute #, ten minutes +, longer ago -, stale "
        ".\n");
}

TEST_CASE("a bucket of another k than ours keeps its places") {
  std::vector<Json> contacts(25, contact(7, 1000, 1));
  CHECK(bucket_picture(contacts).find("[" + std::string(25, '#') + "]") != std::string::npos);
}

}  // namespace cip::cli
