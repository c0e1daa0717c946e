#include "node/system_random.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace cip;
using namespace cip::node;

TEST_CASE("draws of every size are filled and none repeats") {
  SystemRandom random;
  std::set<Bytes> seen;
  for (std::size_t size = 12; size < 300; ++size) {
    for (int i = 0; i < 50; ++i) {
      Bytes out(size);
      random.fill(out);
      CHECK(seen.insert(out).second);
      CHECK(std::set(out.begin(), out.end()).size() > 1);
    }
  }
}

TEST_CASE("two sources give different bytes") {
  SystemRandom a, b;
  CHECK(a.bytes<32>() != b.bytes<32>());
}
