#include "overlay/transport/udx/timers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "base/random.hpp"

using namespace cip;
using namespace cip::overlay;

TEST_CASE("the earliest deadline comes first, however they are set, moved and taken away") {
  constexpr std::size_t kOwners = 40;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    SeededRandom random(seed);
    UdxTimers timers;
    std::array<UdxTimers::Place, kOwners> places;
    std::array<std::optional<TimePoint>, kOwners> model;
    for (int step = 0; step < 500; ++step) {
      const auto owner = random.below(kOwners);
      std::optional<TimePoint> at;
      if (random.below(4) != 0) at = TimePoint{} + Duration(random.below(1000));
      timers.set(places[owner], static_cast<std::uint32_t>(owner), at);
      model[owner] = at;
      if (random.below(8) == 0) {
        const auto now = TimePoint{} + Duration(random.below(300));
        while (const auto id = timers.take_due(now)) {
          REQUIRE(model[*id].has_value());
          REQUIRE(*model[*id] <= now);
          model[*id].reset();
        }
      }
      std::optional<TimePoint> first;
      for (const auto& moment : model)
        if (moment && (!first || *moment < *first)) first = moment;
      REQUIRE(timers.next() == first);
    }
  }
}
