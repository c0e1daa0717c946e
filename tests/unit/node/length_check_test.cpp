// Whether others hold more of an own feed: what they prove counts, not what is appended meanwhile.
#include "node/length_check.hpp"

#include <doctest/doctest.h>

#include <asio/ip/tcp.hpp>

#include "tests/unit/node/network_fixture.hpp"

using namespace cip;
using namespace cip::node;
using test::NetworkFixture;
using test::run_until;

namespace {

// Somebody may be met at any time, and addresses need no lookup here.
struct OpenReach final : Reach {
  const NameLookup& name_lookup() const override { return lookup; }
  bool has_contact() const override { return true; }
  bool may_meet_somebody() const override { return true; }
  Outcome<void> may_append() const override { return {}; }

  NameLookup lookup;
};

struct CheckFixture : NetworkFixture {
  OpenReach reach;

  // Of a derived feed others may always know more.
  FeedUse make_log(test::Peer& writer, int blocks) { return make_feed(writer, blocks, true); }

  Outcome<void> check(test::Peer& writer, store::FeedNumber number, const test::Peer& other) {
    std::optional<Outcome<void>> verdict;
    const LengthCheck check(*writer.node, *writer.feeds, reach, number,
                            {.peers = {to_string(other.node->local())}, .target = {}},
                            [&](Outcome<void> done) { verdict = std::move(done); });
    REQUIRE(run_until(io, [&] { return verdict.has_value(); }));
    return *verdict;
  }
  Outcome<void> check_alone(test::Peer& writer, store::FeedNumber number, bool assumes_latest) {
    std::optional<Outcome<void>> verdict;
    const LengthCheck check(*writer.node, *writer.feeds, reach, number,
                            {.peers = {}, .target = {}, .assumes_latest = assumes_latest},
                            [&](Outcome<void> done) { verdict = std::move(done); });
    REQUIRE(run_until(io, [&] { return verdict.has_value(); }));
    return *verdict;
  }
  // A node of a home with a log of three blocks that was restored from a backup.
  test::Peer& add_restored(const std::shared_ptr<test::Home>& home) {
    make_log(add(home), 3);
    end_last();
    REQUIRE(store::FeedStore(home->backend, home->primary_key).mark_restored());
    return add(home);
  }
  FeedUse open_log(test::Peer& writer) {
    FeedQuery query;
    query.text = "log";
    return *open(writer, std::move(query));
  }
  // Another home of the same user, with the same feed.
  test::Peer& add_copy(const test::Peer& original) {
    return add(std::make_shared<test::Home>(random, original.home->primary_key));
  }
};

}  // namespace

TEST_CASE_FIXTURE(CheckFixture,
                  "what is appended here while others are asked is no longer history") {
  auto& writer = add();
  const auto log = make_log(writer, 2);
  // A peer that takes the connection and says nothing.
  asio::ip::tcp::acceptor silent(io, {asio::ip::address_v4::loopback(), 0});
  const auto address = to_string(Endpoint{0x7f000001, silent.local_endpoint().port()});
  std::optional<Outcome<void>> verdict;
  const LengthCheck check(*writer.node, *writer.feeds, reach, log.number(),
                          {.peers = {address}, .target = {}},
                          [&](Outcome<void> done) { verdict = std::move(done); });
  for (int i = 0; i < 3; ++i) append(writer, log.number(), test::numbered_blocks(1));
  CHECK_FALSE(verdict);
  silent.close();
  REQUIRE(run_until(io, [&] { return verdict.has_value(); }));
  CHECK(*verdict);
  CHECK(writer.feeds->feed(log.number())->length() == 5);
}

TEST_CASE_FIXTURE(CheckFixture, "a longer history that a peer proves refuses one append") {
  auto& older = add();
  auto& newer = add_copy(older);
  const auto mine = make_log(older, 2);
  const auto theirs = make_log(newer, 3);
  const auto refused = check(older, mine.number(), newer);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::conflict);
  CHECK(refused.error().message.find("3 blocks, here 2") != std::string::npos);
  CHECK(older.feeds->feed(mine.number())->length() == 3);
  CHECK(check(older, mine.number(), newer));
  append(older, mine.number(), test::numbered_blocks(1));
}

TEST_CASE_FIXTURE(CheckFixture, "a rewritten history that a peer proves refuses every append") {
  auto& older = add();
  auto& newer = add_copy(older);
  const auto mine = make_log(older, 3);
  const auto theirs = make_log(newer, 3);
  REQUIRE(newer.feeds->truncate(theirs.number(), 1));
  REQUIRE(run_until(io, [&] { return newer.feeds->feed(theirs.number())->fork() == 1; }));
  for (int i = 0; i < 2; ++i) {
    const auto refused = check(older, mine.number(), newer);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ExitCode::conflict);
    CHECK(refused.error().message.find("fork 1, here 0") != std::string::npos);
  }
  CHECK(older.feeds->feed(mine.number())->length() == 3);
}

TEST_CASE_FIXTURE(CheckFixture, "a peer that holds as much or less refuses nothing") {
  auto& writer = add();
  auto& copy = add_copy(writer);
  const auto mine = make_log(writer, 3);
  const auto theirs = make_log(copy, 2);
  CHECK(check(writer, mine.number(), copy));
}

TEST_CASE_FIXTURE(CheckFixture,
                  "a restored feed is appended to once somebody who has it was asked, for good") {
  auto& holder = add();
  const auto theirs = make_log(holder, 3);
  auto& writer = add_restored(std::make_shared<test::Home>(random, holder.home->primary_key));
  const auto mine = open_log(writer);
  const auto alone = check_alone(writer, mine.number(), false);
  REQUIRE_FALSE(alone);
  CHECK(alone.error().code == ExitCode::no_route);
  CHECK(writer.feeds->find(mine.number())->restored);
  CHECK(check(writer, mine.number(), holder));
  CHECK_FALSE(writer.feeds->find(mine.number())->restored);
  const auto state = store::restored_state(writer.feeds->find(mine.number())->record.key);
  REQUIRE(run_until(io, [&] { return !writer.backend.find_state(state)->has_value(); }));
}

TEST_CASE_FIXTURE(CheckFixture,
                  "who holds less of a restored feed is no answer to how long it is") {
  auto& newcomer = add();
  const auto theirs = make_log(newcomer, 2);
  auto& writer = add_restored(std::make_shared<test::Home>(random, newcomer.home->primary_key));
  const auto mine = open_log(writer);
  const auto refused = check(writer, mine.number(), newcomer);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::no_route);
  append(newcomer, theirs.number(), test::numbered_blocks(1));
  CHECK(check(writer, mine.number(), newcomer));
}

TEST_CASE_FIXTURE(CheckFixture, "that nobody has more of a restored feed can be said instead") {
  auto& writer = add_restored(std::make_shared<test::Home>(random));
  const auto mine = open_log(writer);
  CHECK_FALSE(check_alone(writer, mine.number(), false));
  CHECK(check_alone(writer, mine.number(), true));
  CHECK(check_alone(writer, mine.number(), false));
}
