#include "store/rocksdb/run_cache.hpp"

#include <doctest/doctest.h>

namespace cip::store {

namespace {

// A run of `n` nodes that ends at `last`.
RunPtr<NodeRunView> run_to(std::uint64_t last, std::size_t n) {
  Bytes value(1 + n * 33);
  value[0] = 1;
  return make_run<NodeRunView>(last, value);
}

}  // namespace

TEST_CASE("a cached run answers for the positions it holds and for no others") {
  RunCache<NodeRunView> cache(1 << 20);
  cache.insert(cache.epoch(), 1, run_to(19, 5));
  CHECK(cache.find(1, 15)->last == 19);
  CHECK(cache.find(1, 19)->first == 15);
  CHECK(cache.find(1, 14) == nullptr);
  CHECK(cache.find(1, 20) == nullptr);
  CHECK(cache.find(2, 17) == nullptr);
}

TEST_CASE("the cache stays within its bound and drops what was not used for longest") {
  RunCache<NodeRunView> cache(4 * (33 * 10 + 300));
  for (std::uint64_t i = 0; i < 4; ++i) cache.insert(cache.epoch(), 1, run_to(i * 10 + 9, 10));
  CHECK(cache.find(1, 0) != nullptr);
  cache.insert(cache.epoch(), 1, run_to(49, 10));
  CHECK(cache.bytes() <= 4 * (33 * 10 + 300));
  CHECK(cache.find(1, 0) != nullptr);
  CHECK(cache.find(1, 10) == nullptr);
  CHECK(cache.find(1, 45) != nullptr);
}

TEST_CASE("what was read before a removal is not kept after it") {
  RunCache<NodeRunView> cache(1 << 20);
  cache.insert(cache.epoch(), 1, run_to(9, 10));
  cache.insert(cache.epoch(), 1, run_to(19, 10));
  const auto before = cache.epoch();
  cache.erase(1, 12);
  CHECK(cache.find(1, 5) != nullptr);
  CHECK(cache.find(1, 11) == nullptr);
  cache.insert(before, 1, run_to(19, 10));
  CHECK(cache.find(1, 11) == nullptr);
  cache.insert(cache.epoch(), 1, run_to(11, 2));
  CHECK(cache.find(1, 11) != nullptr);
}

TEST_CASE("a run that claims more entries than positions is refused") {
  CHECK(run_to(3, 5) == nullptr);
  CHECK(run_to(4, 5) != nullptr);
}

}  // namespace cip::store
