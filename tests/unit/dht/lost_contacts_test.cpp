#include "dht/lost_contacts.hpp"

#include <doctest/doctest.h>

using namespace cip;
using namespace cip::dht;
using namespace std::chrono_literals;

namespace {

Endpoint at(std::uint16_t port) { return {0x0a000001, port}; }
TimePoint after(Duration time) { return TimePoint{} + time; }

}  // namespace

TEST_CASE("a lost contact is tried after 1, 2, 4 minutes and so on, eight times") {
  LostContacts lost;
  lost.add(after(0s), at(1));
  CHECK_FALSE(lost.poll(after(59s)));
  Duration time = 0s;
  for (unsigned i = 0; i < LostContacts::kMaxTries; ++i) {
    CHECK(lost.empty() == false);
    time += 1min * (1 << i);
    CHECK_FALSE(lost.poll(after(time - 1s)));
    CHECK(lost.poll(after(time)) == at(1));
  }
  CHECK(lost.empty());
}

TEST_CASE("a contact that was heard of is not tried any more") {
  LostContacts lost;
  lost.add(after(0s), at(1));
  lost.add(after(0s), at(2));
  lost.forget(at(1));
  CHECK(lost.poll(after(1h)) == at(2));
  CHECK_FALSE(lost.poll(after(1h)));
}

TEST_CASE("among too many lost contacts the one tried most makes room") {
  LostContacts lost;
  for (std::uint16_t port = 1; port <= LostContacts::kMaxEntries; ++port) {
    lost.add(after(Duration(1s) * port), at(port));
  }
  CHECK(lost.poll(after(61s)) == at(1));
  lost.add(after(2min), at(100));
  for (std::uint16_t port = 2; port <= LostContacts::kMaxEntries; ++port) {
    CHECK(lost.poll(after(3min)) == at(port));
  }
  CHECK(lost.poll(after(3min)) == at(100));
  CHECK_FALSE(lost.poll(after(3min)));
}
