#include "dht/query.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace cip;
using namespace cip::dht;

namespace {

// A contact whose distance to the target of zeros is `d` in its first byte.
Contact contact_at(unsigned d) {
  Contact out;
  out.id.bytes[0] = static_cast<std::uint8_t>(d);
  out.endpoint = {0x0a000000 + d, 4000};
  return out;
}

std::vector<Contact> contacts_at(std::initializer_list<unsigned> distances) {
  std::vector<Contact> out;
  for (const auto d : distances) out.push_back(contact_at(d));
  return out;
}

// `from` answers and names `closer`, whose ids need not follow from their addresses.
void answer(Query& query, const Contact& from, const std::vector<Contact>& closer,
            Query::Answer answer = {}) {
  ContactArena ids;
  std::vector<Endpoint> endpoints;
  for (const auto& contact : closer) {
    REQUIRE(ids.acquire(contact) != kNoContact);
    endpoints.push_back(contact.endpoint);
  }
  answer.closer = endpoints;
  query.handle_answer(from, answer, ids);
}

void answer(Query& query, unsigned from, std::initializer_list<unsigned> closer = {}) {
  answer(query, contact_at(from), contacts_at(closer));
}

// Asks the next contact, which must be the one at `d`.
void expect_request(Query& query, unsigned d) {
  const auto next = query.poll_request();
  REQUIRE(next.has_value());
  CHECK(*next == contact_at(d));
}

}  // namespace

TEST_CASE("query asks the next closest contact when one times out") {
  Query query{Target{}, {.k = 2, .alpha = 1}};
  for (auto d : {0x30u, 0x10u, 0x20u}) query.add(contact_at(d));

  CHECK(query.poll_request() == contact_at(0x10));
  CHECK_FALSE(query.poll_request());  // alpha is 1
  query.handle_timeout(contact_at(0x10));
  CHECK(query.poll_request() == contact_at(0x20));
}

TEST_CASE("query keeps at most alpha requests in flight") {
  Query query{Target{}, {.k = 20, .alpha = 3}};
  for (unsigned d = 1; d <= 9; ++d) query.add(contact_at(d));
  for (unsigned d = 1; d <= 3; ++d) expect_request(query, d);
  CHECK_FALSE(query.poll_request());
  answer(query, 2);
  expect_request(query, 4);
  CHECK_FALSE(query.poll_request());
}

TEST_CASE(
    "who is farther than k contacts that may still answer is asked only once one of them is late") {
  Query query{Target{}, {.k = 2, .alpha = 3}};
  for (unsigned d = 1; d <= 3; ++d) query.add(contact_at(d));
  expect_request(query, 1);
  expect_request(query, 2);
  CHECK_FALSE(query.poll_request());
  CHECK_FALSE(query.is_done());
  query.handle_late(contact_at(2));
  expect_request(query, 3);
}

TEST_CASE("a late contact stays in flight but lets one more run beside it") {
  Query query{Target{}, {.k = 20, .alpha = 1}};
  for (unsigned d = 1; d <= 3; ++d) query.add(contact_at(d));
  expect_request(query, 1);
  query.handle_late(contact_at(1));
  expect_request(query, 2);
  CHECK_FALSE(query.poll_request());
  answer(query, 1);
  CHECK(query.closest() == contacts_at({1}));
  CHECK(query.in_flight() == 1);
}

TEST_CASE("query asks what answers name, closest first, and ends with the k closest in order") {
  Query query{Target{}, {.k = 3, .alpha = 1}};
  query.add(contact_at(0x80));
  expect_request(query, 0x80);
  answer(query, 0x80, {0x40, 0x08, 0x20});
  expect_request(query, 0x08);
  answer(query, 0x08, {0x04});
  expect_request(query, 0x04);
  answer(query, 0x04);
  expect_request(query, 0x20);
  answer(query, 0x20);
  CHECK_FALSE(query.poll_request());  // 0x40 is farther than three that answered
  CHECK(query.is_done());
  CHECK(query.closest() == contacts_at({0x04, 0x08, 0x20}));
  CHECK(query.requests() == 4);
}

TEST_CASE("a contact that is not near enough is skipped, and the near ones behind it are read") {
  Query query{Target{}, {.k = 1, .alpha = 1}};
  query.add(contact_at(0x10));
  expect_request(query, 0x10);
  answer(query, 0x10, {0x40, 0x02, 0x50});
  CHECK_FALSE(query.knows(contact_at(0x40).endpoint));
  expect_request(query, 0x02);
}

TEST_CASE("an answer without a valid id is not among the closest, but its contacts are asked") {
  Query query{Target{}, {.k = 2, .alpha = 1}};
  query.add(contact_at(1));
  expect_request(query, 1);
  answer(query, contact_at(1), contacts_at({2}), {.counts = false});
  expect_request(query, 2);
  answer(query, 2);
  CHECK(query.closest() == contacts_at({2}));
  CHECK(query.answers() == 1);
}

TEST_CASE("everybody who named a contact that is down is told, before and after it is known") {
  Query query{Target{}, {.k = 20, .alpha = 1}};
  query.add(contact_at(0x10));
  query.add(contact_at(0x20));
  query.add(contact_at(0x30));
  expect_request(query, 0x10);
  answer(query, 0x10, {0x01});
  expect_request(query, 0x01);
  query.handle_late(contact_at(0x01));
  expect_request(query, 0x20);
  answer(query, 0x20, {0x01});
  CHECK_FALSE(query.poll_hint());
  query.handle_timeout(contact_at(0x01));
  std::set<Endpoint> told;
  while (const auto hint = query.poll_hint()) {
    CHECK(hint->dead == contact_at(0x01).endpoint);
    told.insert(hint->to);
  }
  CHECK(told == std::set{contact_at(0x10).endpoint, contact_at(0x20).endpoint});
  expect_request(query, 0x30);
  answer(query, 0x30, {0x01});
  const auto hint = query.poll_hint();
  REQUIRE(hint.has_value());
  CHECK(hint->to == contact_at(0x30).endpoint);
  CHECK_FALSE(query.poll_request());  // and it is not asked again
}

TEST_CASE("a contact known to be down is never asked") {
  Query query{Target{}};
  query.add(contact_at(8));
  query.add_down(contact_at(1));
  expect_request(query, 8);
  answer(query, 8, {1, 2});
  expect_request(query, 2);
  CHECK_FALSE(query.poll_request());
  CHECK(query.poll_hint()->dead == contact_at(1).endpoint);
}

TEST_CASE("query does not wait for late contacts once k closer ones have answered") {
  Query query{Target{}, {.k = 1, .alpha = 2}};
  query.add(contact_at(2));
  expect_request(query, 2);
  query.add(contact_at(1));
  expect_request(query, 1);
  answer(query, 1);
  CHECK_FALSE(query.is_done());
  query.handle_late(contact_at(2));
  CHECK(query.is_done());
}

TEST_CASE("a late contact that may be among the closest is waited for once more") {
  Query query{Target{}, {.k = 1, .alpha = 2}};
  query.add(contact_at(2));
  expect_request(query, 2);
  query.add(contact_at(1));
  expect_request(query, 1);
  answer(query, 2);
  query.handle_late(contact_at(1));
  CHECK_FALSE(query.is_done());
  query.handle_late(contact_at(1));
  CHECK(query.is_done());
  CHECK(query.closest() == contacts_at({2}));
}

TEST_CASE(
    "with fewer than k answers, contacts that let two transmissions pass are not waited for") {
  Query query{Target{}, {.k = 20, .alpha = 2}};
  query.add(contact_at(1));
  query.add(contact_at(2));
  expect_request(query, 1);
  expect_request(query, 2);
  query.handle_late(contact_at(1));
  query.handle_late(contact_at(1));
  CHECK_FALSE(query.is_done());
  answer(query, 2);
  CHECK(query.is_done());
  CHECK(query.closest() == contacts_at({2}));
}

TEST_CASE("a query without any answer waits to the end") {
  Query query{Target{}};
  query.add(contact_at(1));
  expect_request(query, 1);
  for (int i = 0; i < 5; ++i) query.handle_late(contact_at(1));
  CHECK_FALSE(query.is_done());
  query.handle_timeout(contact_at(1));
  CHECK(query.is_done());
  CHECK(query.timeouts() == 1);
}

TEST_CASE("the path shows who first named whom") {
  Query query{Target{}, {.k = 4, .alpha = 1}};
  query.add(contact_at(0x80));
  expect_request(query, 0x80);
  answer(query, contact_at(0x80), contacts_at({0x40}), {.rtt = std::chrono::milliseconds(7)});
  expect_request(query, 0x40);
  answer(query, 0x40, {0x20});
  expect_request(query, 0x20);
  answer(query, 0x20);
  const auto path = query.path();
  REQUIRE(path.size() == 3);
  CHECK(path[0].contact == contact_at(0x80));
  CHECK(path[0].rtt == std::chrono::milliseconds(7));
  CHECK(path[2].contact == contact_at(0x20));
  CHECK(path[2].depth == 2);
  CHECK(query.hops_first() == 1);  // 0x80, from the own table, is among the closest
  CHECK(query.hops_to_closest() == 3);
}

TEST_CASE("hops-first ends where the first of the closest was named") {
  Query query{Target{}, {.k = 2, .alpha = 1}};
  query.add(contact_at(0x80));
  expect_request(query, 0x80);
  answer(query, 0x80, {0x40});
  expect_request(query, 0x40);
  answer(query, 0x40, {0x20});
  expect_request(query, 0x20);
  answer(query, 0x20, {0x10});
  expect_request(query, 0x10);
  answer(query, 0x10);
  CHECK(query.hops_first() == 3);  // 0x20 and 0x10 are the closest; 0x40 named 0x20
  CHECK(query.hops_to_closest() == 4);
}

TEST_CASE("the shortest chain counts, even if a longer one was there first") {
  Query query{Target{}, {.k = 20, .alpha = 1}};
  query.add(contact_at(0x40));
  query.add(contact_at(0x80));
  expect_request(query, 0x40);
  answer(query, 0x40, {0x20});
  expect_request(query, 0x20);
  answer(query, 0x20, {0x10});
  expect_request(query, 0x10);
  answer(query, 0x10);
  expect_request(query, 0x80);
  answer(query, 0x80, {0x10});
  CHECK(query.hops_first() == 1);
  CHECK(query.hops_to_closest() == 2);
}

TEST_CASE("answers that nobody asked for change nothing") {
  Query query{Target{}};
  query.add(contact_at(1));
  answer(query, 1, {2});
  answer(query, 9, {3});
  query.handle_timeout(contact_at(1));
  query.handle_late(contact_at(1));
  CHECK(query.closest().empty());
  CHECK(query.in_flight() == 0);
  expect_request(query, 1);
}

TEST_CASE("a flood of invented contacts is bounded") {
  Query query{Target{}};
  query.add(contact_at(0xff));
  std::uint32_t invented = 0;
  while (const auto next = query.poll_request()) {
    std::vector<Contact> closer;
    for (int i = 0; i < 40; ++i) {
      const Endpoint endpoint{0x0b000000 + ++invented, 1};
      Contact contact{node_id_of(endpoint), endpoint};
      // Each nearer than all before.
      std::fill_n(contact.id.bytes.begin(), 4, std::uint8_t{0});
      for (unsigned b = 0; b < 4; ++b) {
        contact.id.bytes[4 + b] =
            static_cast<std::uint8_t>((UINT32_MAX - invented) >> (24 - 8 * b));
      }
      closer.push_back(contact);
    }
    answer(query, *next, closer, {.counts = false});
  }
  CHECK(query.is_done());
  CHECK(query.requests() <= Query::kMaxRequests);
  CHECK(query.memory_bytes() < 1'000'000);
}
