#include "base/number_map.hpp"

#include <doctest/doctest.h>

#include <unordered_map>

#include "base/random.hpp"

using namespace cip;

TEST_CASE("a number map does what a map of the standard library does") {
  NumberMap<int> map;
  std::unordered_map<std::uint64_t, int> model;
  SeededRandom random{5};
  for (int step = 0; step < 100'000; ++step) {
    // Few keys, and those of one home: erasing must not hide whoever had to stand behind.
    const auto key =
        random.below(2) == 0 ? random.below(300) : ~std::uint64_t{0} - (random.below(8) << 40);
    if (random.below(3) == 0) {
      REQUIRE(map.erase(key) == (model.erase(key) > 0));
    } else if (random.below(20'000) == 0) {
      map.clear();
      model.clear();
    } else {
      REQUIRE(map.insert(key, step) == model.emplace(key, step).second);
    }
    REQUIRE(map.size() == model.size());
    const auto other = random.below(300);
    const auto found = model.find(other);
    const auto* value = map.find(other);
    REQUIRE((value != nullptr) == (found != model.end()));
    if (value != nullptr) REQUIRE(*value == found->second);
  }
  for (const auto& [key, value] : model) REQUIRE(*map.find(key) == value);
}

TEST_CASE("a number map is empty after clear, whether few or many were in it") {
  for (const std::uint64_t count : {1, 100, 5000}) {
    NumberMap<int> map;
    for (std::uint64_t key = 0; key < 5000; ++key) map.insert(key, 0);
    for (auto key = count; key < 5000; ++key) map.erase(key);
    map.clear();
    CHECK(map.empty());
    for (std::uint64_t key = 0; key < 5000; ++key) REQUIRE_FALSE(map.contains(key));
    CHECK(map.insert(7, 1));
    CHECK(map.size() == 1);
  }
}

TEST_CASE("a number map that was given room keeps what is in it") {
  NumberMap<int> map;
  for (std::uint64_t key = 0; key < 10; ++key) map.insert(key * 7, static_cast<int>(key));
  map.reserve(1000);
  map.reserve(1);
  CHECK(map.size() == 10);
  for (std::uint64_t key = 0; key < 10; ++key) {
    REQUIRE(map.find(key * 7) != nullptr);
    CHECK(*map.find(key * 7) == static_cast<int>(key));
  }
}
