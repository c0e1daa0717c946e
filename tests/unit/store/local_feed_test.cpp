// A feed as a program uses it that waits for the disk, on every kind of backend.

#include "store/local_feed.hpp"

#include <doctest/doctest.h>

#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

struct LocalFixture {
  std::unique_ptr<BackendFixture> fixture = make_backend_fixture();
  SeededRandom random{5};
  FeedStore feeds{fixture->backend(), Bytes32{9}};

  LocalFeed make(const NewWriter& wanted) {
    return {*feeds.create(wanted, FreshSecrets::draw(random)), fixture->backend()};
  }
  static std::vector<Bytes> blocks(std::initializer_list<std::string_view> texts) {
    std::vector<Bytes> out;
    for (const auto text : texts) out.emplace_back(text.begin(), text.end());
    return out;
  }
};

}  // namespace

TEST_CASE_FIXTURE(LocalFixture,
                  "what was appended is read, also by the next program that opens it") {
  Bytes32 key{};
  {
    auto log = make({.name = "log"});
    CHECK(log.append(blocks({"one", ""})) == 2);
    CHECK(log.append(bytes_of("three")) == 3);
    CHECK(text_of(*log.read(2)) == "three");
    CHECK(log.read(3).error() == Errc::out_of_range);
    key = log.feed().key();
  }
  LocalFeed again(*feeds.open(key), fixture->backend());
  CHECK(again.feed().length() == 3);
  CHECK(text_of(*again.read(0)) == "one");
  CHECK(again.read(1)->empty());
}

TEST_CASE_FIXTURE(LocalFixture, "blocks of an encrypted feed come back as they were") {
  auto log = make({.name = "log", .encrypted = true});
  REQUIRE(log.append(bytes_of("secret")) == 1);
  CHECK(text_of(*log.read(0)) == "secret");
  CHECK(log.feed().byte_length() > 6);
}

TEST_CASE_FIXTURE(LocalFixture, "a cut feed goes on in a new fork, a cleared block is gone") {
  auto log = make({.name = "log"});
  REQUIRE(log.append(blocks({"a", "b", "c"})) == 3);
  REQUIRE(log.truncate(2));
  CHECK(log.feed().length() == 2);
  CHECK(log.feed().fork() == 1);
  CHECK(log.append(bytes_of("d")) == 3);
  CHECK(text_of(*log.read(2)) == "d");
  REQUIRE(log.clear(0, 1));
  CHECK(log.read(0).error() == Errc::not_available);
  CHECK(text_of(*log.read(1)) == "b");
}

TEST_CASE_FIXTURE(LocalFixture, "a feed of others takes no appends and no cuts") {
  LocalFeed log(*feeds.open_replica({.key = Bytes32{7}}), fixture->backend());
  CHECK(log.append(bytes_of("x")).error() == Errc::not_writer);
  CHECK(log.truncate(0).error() == Errc::not_writer);
}

}  // namespace cip::store
