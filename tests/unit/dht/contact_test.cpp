#include "dht/contact.hpp"

#include <doctest/doctest.h>

#include <map>
#include <vector>

#include "base/random.hpp"

using namespace cip;
using namespace cip::dht;

namespace {
Endpoint endpoint_at(std::uint32_t i) { return {0x0a000000 + i, 1000}; }
}  // namespace

TEST_CASE("a contact is held once however many hold it") {
  ContactArena arena;
  const auto first = arena.acquire(endpoint_at(1));
  const auto second = arena.acquire(contact_of(endpoint_at(1)));
  CHECK(first == second);
  CHECK(arena.size() == 1);
  CHECK(arena.references(first) == 2);
  CHECK(arena[first] == contact_of(endpoint_at(1)));
}

TEST_CASE("the last release frees the entry and its handle is used again") {
  ContactArena arena;
  const auto handle = arena.acquire(endpoint_at(1));
  arena.retain(handle);
  arena.release(handle);
  CHECK(arena.find(endpoint_at(1)) == handle);
  arena.release(handle);
  CHECK(arena.find(endpoint_at(1)) == kNoContact);
  CHECK(arena.size() == 0);
  CHECK(arena.acquire(endpoint_at(2)) == handle);
}

TEST_CASE("a full arena takes no new contact and still counts known ones") {
  ContactArena arena(2);
  const auto one = arena.acquire(endpoint_at(1));
  const auto two = arena.acquire(endpoint_at(2));
  CHECK(arena.acquire(endpoint_at(3)) == kNoContact);
  CHECK(arena.acquire(endpoint_at(1)) == one);
  arena.release(two);
  CHECK(arena.acquire(endpoint_at(3)) != kNoContact);
}

TEST_CASE("ids come from the arena or from the hash alike") {
  ContactArena arena;
  CHECK(arena.id_of(endpoint_at(1)) == node_id_of(endpoint_at(1)));
  static_cast<void>(arena.acquire(endpoint_at(1)));
  CHECK(arena.id_of(endpoint_at(1)) == node_id_of(endpoint_at(1)));
}

TEST_CASE("contacts do not move when the arena grows") {
  ContactArena arena;
  const Contact& contact = arena[arena.acquire(endpoint_at(0))];
  for (std::uint32_t i = 1; i < 5000; ++i) static_cast<void>(arena.acquire(endpoint_at(i)));
  CHECK(contact == contact_of(endpoint_at(0)));
}

TEST_CASE("an arena agrees with a map through random takes and releases") {
  ContactArena arena;
  SeededRandom random(3);
  std::map<Endpoint, std::pair<ContactHandle, std::uint32_t>> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto endpoint = endpoint_at(static_cast<std::uint32_t>(random.below(300)));
    auto& [handle, references] = model[endpoint];
    if (references == 0 || random.below(2) == 0) {
      // The id is not looked at, so a random one spares the hash here.
      const auto taken = references == 0 ? arena.acquire(Contact{NodeId{}, endpoint})
                                         : arena.acquire(arena[handle]);
      if (references > 0) CHECK(taken == handle);
      handle = taken;
      ++references;
    } else {
      arena.release(handle);
      --references;
    }
  }
  std::size_t live = 0;
  for (const auto& [endpoint, held] : model) {
    const auto& [handle, references] = held;
    CHECK((arena.find(endpoint) == kNoContact) == (references == 0));
    if (references == 0) continue;
    ++live;
    CHECK(arena.find(endpoint) == handle);
    CHECK(arena.references(handle) == references);
  }
  CHECK(arena.size() == live);
}
