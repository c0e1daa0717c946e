#include "node/feed_loader.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "store/memory_backend.hpp"

using namespace cip;
using namespace cip::node;

namespace {

struct LoaderFixture {
  SeededRandom random{3};
  store::MemoryBackend backend{random};
  Bytes32 primary{1, 2, 3};
  store::FeedStore feeds{backend, primary};

  Outcome<store::OpenFeed> make(const store::NewWriter& wanted) {
    auto made = feeds.create(wanted, store::FreshSecrets::draw(random));
    if (!made) return tl::unexpected(create_error(wanted, made.error()));
    return std::move(*made);
  }
  Outcome<store::OpenFeed> load(std::string text, bool create = true) {
    FeedQuery query;
    query.text = std::move(text);
    query.create = create;
    return load(query);
  }
  Outcome<store::OpenFeed> load(const FeedQuery& query) {
    const auto op = open_feed_op(query, primary);
    if (!op) return tl::unexpected(op.error());
    auto opened = std::get<store::OpenFeedOp::Answer>(store::run(backend, *op));
    if (!opened) return tl::unexpected(open_error(query, opened.error()));
    return std::move(*opened);
  }
};

store::NewWriter named(std::string name) {
  store::NewWriter wanted;
  wanted.name = std::move(name);
  return wanted;
}

}  // namespace

TEST_CASE("a feed's text is a key or a name, and prefixes settle doubt") {
  const std::string key(52, 'y');
  CHECK(parse_feed_name(key)->key == Bytes32{});
  CHECK(parse_feed_name("key:" + key)->key == Bytes32{});
  CHECK(parse_feed_name("hyper://" + key)->key == Bytes32{});
  CHECK(parse_feed_name("name:" + key)->name == key);
  CHECK(parse_feed_name("log")->name == "log");
  CHECK(parse_feed_name("key:log").error().code == ExitCode::usage);
  CHECK(parse_feed_name("").error().code == ExitCode::usage);
  CHECK(parse_feed_name(std::string(256, 'a')).error().code == ExitCode::usage);
}

TEST_CASE_FIXTURE(LoaderFixture,
                  "a feed that was created is found by name and by key, with its signer") {
  const auto made = make(named("log"));
  REQUIRE(made);
  REQUIRE(made->signer);
  CHECK(made->feed.is_writer(made->signer->public_key));
  for (const auto& text :
       {std::string("log"), to_z32(made->record.key), to_hex(made->record.key)}) {
    const auto again = load(text, false);
    REQUIRE(again);
    CHECK(again->record.number == made->record.number);
    CHECK(again->signer->public_key == made->signer->public_key);
  }
}

TEST_CASE_FIXTURE(LoaderFixture, "two feeds of one name are a conflict") {
  REQUIRE(make(named("log")));
  const auto second = make(named("log"));
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ExitCode::conflict);
}

TEST_CASE_FIXTURE(LoaderFixture,
                  "random feeds differ, derived ones follow from primary key and name") {
  auto derived = named("a");
  derived.derived = true;
  const auto first = make(derived);
  REQUIRE(first);
  const auto expected = derive_key_pair(primary, Bytes32{}, "a");
  CHECK(first->signer->public_key == expected.public_key);
  CHECK(make(named("b"))->record.key != make(named("c"))->record.key);
}

TEST_CASE_FIXTURE(LoaderFixture, "a derived name that was used and dropped is refused") {
  auto derived = named("a");
  derived.derived = true;
  const auto first = make(derived);
  REQUIRE(first);
  REQUIRE(feeds.drop(first->record.number));
  const auto second = make(derived);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ExitCode::conflict);
}

TEST_CASE_FIXTURE(LoaderFixture, "a compat feed's key is its public key") {
  auto wanted = named("old");
  wanted.compat = true;
  const auto made = make(wanted);
  REQUIRE(made);
  CHECK(made->record.key == made->signer->public_key);
  CHECK(made->feed.is_compat());
}

TEST_CASE_FIXTURE(LoaderFixture, "an encrypted feed can be read again by its holder") {
  auto wanted = named("secret");
  wanted.encrypted = true;
  const auto made = make(wanted);
  REQUIRE(made);
  REQUIRE(made->cipher());
  const auto stored = made->cipher()->encrypt(0, 0, bytes_of("text"));
  const auto again = load("secret");
  REQUIRE(again->cipher());
  CHECK(text_of(*again->cipher()->decrypt(0, 0, stored)) == "text");
}

TEST_CASE_FIXTURE(LoaderFixture, "a key that a reader gives is checked and changes nothing") {
  auto wanted = named("secret");
  wanted.encrypted = true;
  const auto key = *make(wanted)->encryption_key;
  REQUIRE(make(named("plain")));
  FeedQuery query;
  query.encryption_key = Bytes32{7};
  for (const bool create : {false, true}) {
    query.create = create;
    for (const auto* name : {"secret", "plain"}) {
      query.text = name;
      CHECK(load(query).error().code == ExitCode::refused);
      query.text = to_z32(load(name)->record.key);
      CHECK(load(query).error().code == ExitCode::refused);
    }
  }
  CHECK(*load("secret")->encryption_key == key);
  CHECK_FALSE(load("plain")->encryption_key);
  query.text = "secret";
  query.encryption_key = key;
  CHECK(load(query));
  query.text = std::string(52, 'y');  // of others: nothing is known of it, and nothing is kept
  REQUIRE(load(query));
  CHECK_FALSE(load(query.text)->encryption_key);
  CHECK_FALSE(load(query.text)->record.encrypted);
}

TEST_CASE_FIXTURE(LoaderFixture,
                  "an unknown key gets a record when it may, an unknown name never") {
  const std::string key(52, 'y');
  CHECK(load(key, false).error().code == ExitCode::not_found);
  const auto made = load(key);
  REQUIRE(made);
  CHECK_FALSE(made->signer);
  CHECK(made->record.disk_class == store::DiskClass::cache);
  CHECK(load(key, false));
  CHECK(load("nosuch").error().code == ExitCode::not_found);
}
