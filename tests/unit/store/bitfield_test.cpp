#include "store/bitfield.hpp"

#include <doctest/doctest.h>

#include <set>

#include "base/random.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::store;

TEST_CASE("wants are answered with the words of the peers") {
  for (const auto& item : test::load_vectors("feeds/bitfield.json", "cases")) {
    CAPTURE(item["name"].get<std::string>());
    Bitfield bits;
    std::uint64_t length = 0;
    for (const auto& range : item["set"]) {
      bits.set_range(range[0].get<std::uint64_t>(), range[1].get<std::uint64_t>());
      length = std::max(length, range[1].get<std::uint64_t>());
    }
    const auto start = item["want"]["start"].get<std::uint64_t>();
    const auto end = start + item["want"]["length"].get<std::uint64_t>();
    const auto words = bits.words(start, end, std::max(end, length));
    REQUIRE(words);
    REQUIRE(item["messages"].size() == 1);
    CHECK(words->start == item["messages"][0]["start"]);
    CHECK(words->words == item["messages"][0]["words"].get<std::vector<std::uint32_t>>());
  }
}

TEST_CASE("bits at or after the length stay hidden") {
  Bitfield bits;
  bits.set_range(0, 100);
  CHECK(bits.words(64, 4096, 70)->words == std::vector<std::uint32_t>{0x3f});
  CHECK_FALSE(bits.words(100, 4096, 5000));
  CHECK_FALSE(bits.words(64, 4096, 64));
}

TEST_CASE("a bitfield agrees with a set of numbers") {
  SeededRandom random(7);
  Bitfield bits;
  std::set<std::uint64_t> model;
  const std::uint64_t space = 40000;  // ten pages
  for (int step = 0; step < 300; ++step) {
    const auto start = random.below(space);
    const auto end = std::min(space, start + random.below(3000));
    switch (random.below(3)) {
      case 0:
        CHECK(bits.set(start) == model.insert(start).second);
        break;
      case 1:
        bits.set_range(start, end);
        for (auto i = start; i < end; ++i) model.insert(i);
        break;
      default:
        bits.clear_range(start, end);
        model.erase(model.lower_bound(start), model.lower_bound(end));
    }
    const auto from = random.below(space);
    const auto to = from + random.below(space);
    const auto next = model.lower_bound(from);
    CHECK(bits.first_set(from, to) == (next == model.end() ? to : std::min(to, *next)));
    auto gap = from;
    while (gap < to && model.contains(gap)) ++gap;
    CHECK(bits.first_unset(from, to) == gap);
    CHECK(bits.count() == model.size());
    CHECK(bits.count(from, to) ==
          static_cast<std::uint64_t>(
              std::distance(model.lower_bound(from), model.lower_bound(std::max(from, to)))));
    CHECK(bits.get(from) == model.contains(from));
  }
}

TEST_CASE("stored pages bring back what was set and only changed ones are written") {
  Bitfield bits;
  bits.set(5);
  bits.set(3 * kBitsPerPage + 1);
  const auto pages = bits.take_changed_pages();
  REQUIRE(pages.size() == 2);
  CHECK(pages[0].number == 0);
  CHECK(pages[0].bits[0] == 0x20);
  CHECK(pages[1].number == 3);
  CHECK_FALSE(bits.has_changed_pages());
  CHECK_FALSE(bits.set(5));
  CHECK_FALSE(bits.has_changed_pages());
  bits.clear_range(0, 10);
  CHECK(bits.take_changed_pages().size() == 1);

  Bitfield loaded({pages[1], pages[0]});
  CHECK(loaded.count() == 2);
  CHECK(loaded.get(5));
  CHECK(loaded.get(3 * kBitsPerPage + 1));
  CHECK_FALSE(loaded.has_changed_pages());
}
