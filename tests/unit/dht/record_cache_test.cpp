#include "dht/record_cache.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "dht/signatures.hpp"
#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;
using namespace std::chrono_literals;
using Stored = RecordCache::Stored;

namespace {

const Endpoint kSender{0x0a000001, 1};
const Target kTopic{1, 2, 3};

Now at(Duration elapsed) {
  const auto start = 1000h;
  return {TimePoint(start + elapsed),
          {1'700'000'000'000 +
           static_cast<std::uint64_t>(
               std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count())}};
}

PublicKey key_number(std::uint32_t i) {
  PublicKey key{};
  for (std::size_t byte = 0; byte < 4; ++byte) key[byte] = static_cast<std::uint8_t>(i >> 8 * byte);
  return key;
}

RecordCache::Announce announce_of(const Target& target, const PublicKey& key,
                                  Endpoint from = kSender) {
  RecordCache::Announce out;
  out.target = target;
  out.peer = {key, {{0x09090909, 1}}};
  out.from = from;
  return out;
}

std::set<PublicKey> keys_of(const LookupReply& reply) {
  std::set<PublicKey> keys;
  for (const auto& peer : reply.peers) keys.insert(peer.public_key);
  return keys;
}

MutableValue mutable_of(std::uint64_t seq, std::string_view text) {
  return {seq, to_bytes(bytes_of(text)), Signature{}};
}

}  // namespace

TEST_CASE("an unused cache has nothing, needs nothing and gives nothing") {
  RecordCache cache;
  SeededRandom random(1);
  CHECK(sizeof cache <= 128);
  CHECK_FALSE(cache.lookup(at(0s), kTopic, random));
  CHECK_FALSE(cache.forward(at(0s), kTopic));
  CHECK_FALSE(cache.get_immutable(at(0s), kTopic));
  CHECK_FALSE(cache.next_timeout());
}

TEST_CASE("an announce is found under its topic until 4/3 of 20 minutes at most") {
  RecordCache cache;
  SeededRandom random(1);
  CHECK(cache.announce(at(0s), announce_of(kTopic, key_number(1))) == Stored::stored);
  const auto reply = cache.lookup(at(13min), kTopic, random);
  REQUIRE(reply);
  CHECK(reply->peers == std::vector<Peer>{{key_number(1), {{0x09090909, 1}}}});
  CHECK(reply->bump == 0);
  CHECK_FALSE(cache.lookup(at(0s), Target{}, random));
  CHECK_FALSE(cache.lookup(at(27min), kTopic, random));
  CHECK(cache.counts().records == 0);
}

TEST_CASE("a repeated announce replaces the record at once") {
  RecordCache cache;
  SeededRandom random(1);
  cache.announce(at(0s), announce_of(kTopic, key_number(1)));
  auto changed = announce_of(kTopic, key_number(1));
  changed.peer.relay_addresses = {{1, 1}, {2, 2}, {3, 3}, {4, 4}};
  cache.announce(at(1s), changed);
  const auto reply = cache.lookup(at(2s), kTopic, random);
  REQUIRE(reply);
  REQUIRE(reply->peers.size() == 1);
  CHECK(reply->peers[0].relay_addresses == std::vector<Endpoint>{{1, 1}, {2, 2}, {3, 3}});
}

TEST_CASE("looking up does not prolong records, announcing again does") {
  RecordCache cache;
  SeededRandom random(1);
  cache.announce(at(0s), announce_of(kTopic, key_number(1)));
  cache.announce(at(0s), announce_of(kTopic, key_number(2)));
  cache.announce(at(14min), announce_of(kTopic, key_number(2)));
  CHECK(keys_of(*cache.lookup(at(15min), kTopic, random)).contains(key_number(2)));
  CHECK(keys_of(*cache.lookup(at(27min), kTopic, random)) == std::set{key_number(2)});
}

TEST_CASE("a lookup gives 20 of many records, another 20 the next time") {
  RecordCache cache;
  SeededRandom random(1);
  for (std::uint32_t i = 0; i < 100; ++i) {
    cache.announce(at(i < 50 ? 0s : 800s), announce_of(kTopic, key_number(i)));
  }
  const auto first = keys_of(*cache.lookup(at(800s), kTopic, random));
  const auto second = keys_of(*cache.lookup(at(800s), kTopic, random));
  CHECK(first.size() == 20);
  CHECK(second.size() == 20);
  CHECK(first != second);
  std::set<PublicKey> all;
  for (int i = 0; i < 100; ++i) all.merge(keys_of(*cache.lookup(at(800s), kTopic, random)));
  CHECK(all.size() == 100);
}

TEST_CASE("the same random numbers give the same choice") {
  const auto choice = [] {
    RecordCache cache;
    SeededRandom random(9);
    for (std::uint32_t i = 0; i < 60; ++i) {
      cache.announce(at(0s), announce_of(kTopic, key_number(i)));
    }
    return *cache.lookup(at(0s), kTopic, random);
  };
  CHECK(choice() == choice());
}

TEST_CASE("an announce of oneself makes a forward through its sender") {
  RecordCache cache;
  SeededRandom random(1);
  const auto key = key_number(7);
  const auto target = target_of_key(key);
  CHECK(cache.announce(at(0s), announce_of(target, key)) == Stored::stored);
  const auto forward = cache.forward(at(1s), target);
  REQUIRE(forward);
  CHECK(forward->relay == kSender);
  CHECK(forward->peer.public_key == key);
  CHECK(keys_of(*cache.lookup(at(1s), target, random)) == std::set{key});
  CHECK(cache.counts().records == 0);
  CHECK(cache.counts().forwards == 1);
}

TEST_CASE("a forward that is asked for stays") {
  RecordCache cache;
  const auto key = key_number(7);
  const auto target = target_of_key(key);
  cache.announce(at(0s), announce_of(target, key));
  for (int i = 1; i <= 20; ++i) CHECK(cache.forward(at(i * 10min), target));
  CHECK_FALSE(cache.forward(at(200min + 27min), target));
}

TEST_CASE("an unannounce removes record and forward") {
  RecordCache cache;
  SeededRandom random(1);
  const auto key = key_number(7);
  cache.announce(at(0s), announce_of(kTopic, key));
  cache.announce(at(0s), announce_of(kTopic, key_number(8)));
  cache.announce(at(0s), announce_of(target_of_key(key), key));
  cache.unannounce(at(1s), kTopic, key);
  CHECK(keys_of(*cache.lookup(at(1s), kTopic, random)) == std::set{key_number(8)});
  CHECK(cache.forward(at(1s), target_of_key(key)));
  cache.unannounce(at(1s), target_of_key(key), key);
  CHECK_FALSE(cache.forward(at(1s), target_of_key(key)));
}

TEST_CASE("the greatest bump that is not of the future counts") {
  RecordCache cache;
  SeededRandom random(1);
  const auto now = at(0s);
  const auto bump_after = [&](std::uint64_t bump) {
    auto announce = announce_of(kTopic, key_number(1));
    announce.bump = bump;
    cache.announce(now, announce);
    return cache.lookup(now, kTopic, random)->bump;
  };
  CHECK(bump_after(now.wall.value - 5) == now.wall.value - 5);
  CHECK(bump_after(now.wall.value - 9) == now.wall.value - 5);
  CHECK(bump_after(now.wall.value + 60'001) == now.wall.value - 5);
  CHECK(bump_after(now.wall.value + 60'000) == now.wall.value + 60'000);
}

TEST_CASE("a hash chain renews a record without a signature") {
  const auto chain = test::load_vectors("dht/signatures.json", "refreshChain").at("blocks");
  RecordCache cache;
  SeededRandom random(1);
  const auto block = [&](std::size_t i) { return test::hex32(chain[i]); };
  auto announce = announce_of(kTopic, key_number(1));
  announce.refresh = block(0);
  cache.announce(at(0s), announce);

  CHECK(cache.refresh(at(10min), kTopic, block(2), kSender) == Stored::unknown);
  CHECK(cache.refresh(at(10min), kTopic, block(1), kSender) == Stored::stored);
  CHECK(cache.refresh(at(20min), kTopic, block(1), kSender) == Stored::unknown);
  CHECK(cache.refresh(at(20min), kTopic, block(2), kSender) == Stored::stored);
  CHECK(cache.lookup(at(32min), kTopic, random));
}

TEST_CASE("a refresh is good for its own topic only and moves the relay of a forward") {
  RecordCache cache;
  const auto key = key_number(7);
  const auto target = target_of_key(key);
  const Bytes32 secret{5};
  auto announce = announce_of(target, key);
  announce.refresh = hash(secret);
  cache.announce(at(0s), announce);
  const Endpoint other{0x0a000002, 2};
  CHECK(cache.refresh(at(1s), kTopic, secret, other) == Stored::unknown);
  CHECK(cache.refresh(at(1s), target, secret, other) == Stored::stored);
  CHECK(cache.forward(at(1s), target)->relay == other);
}

TEST_CASE("a mutable value gives way to a greater sequence number only") {
  RecordCache cache;
  CHECK(cache.put_mutable(at(0s), kTopic, mutable_of(5, "five"), kSender) == Stored::stored);
  CHECK(cache.put_mutable(at(0s), kTopic, mutable_of(5, "five"), kSender) == Stored::stored);
  CHECK(cache.put_mutable(at(0s), kTopic, mutable_of(5, "else"), kSender) ==
        Stored::sequence_reused);
  CHECK(cache.put_mutable(at(0s), kTopic, mutable_of(4, "four"), kSender) ==
        Stored::sequence_too_low);
  CHECK(cache.put_mutable(at(0s), kTopic, mutable_of(6, "six"), kSender) == Stored::stored);
  CHECK(cache.get_mutable(at(0s), kTopic, 6) == mutable_of(6, "six"));
  CHECK_FALSE(cache.get_mutable(at(0s), kTopic, 7));
}

TEST_CASE("values live for two days and longer while they are asked for") {
  RecordCache cache;
  const Bytes value = to_bytes(bytes_of("value"));
  cache.put_immutable(at(0s), kTopic, value, kSender);
  cache.put_mutable(at(0s), kTopic, mutable_of(1, "one"), kSender);
  for (int day = 1; day <= 10; ++day) CHECK(cache.get_immutable(at(day * 24h), kTopic) == value);
  CHECK_FALSE(cache.get_mutable(at(240h), kTopic, 0));
  CHECK(cache.get_immutable(at(240h + 31h), kTopic));
  CHECK_FALSE(cache.get_immutable(at(271h + 65h), kTopic));
}

TEST_CASE("expiry names its time and empties the cache") {
  RecordCache cache;
  cache.announce(at(0s), announce_of(kTopic, key_number(1)));
  const auto due = cache.next_timeout();
  REQUIRE(due);
  CHECK(*due > at(0s).mono);
  CHECK(*due <= at(14min).mono);
  cache.expire(at(27min));
  CHECK(cache.counts().records == 0);
  CHECK_FALSE(cache.next_timeout());
}

TEST_CASE("a network writes no more than its quota") {
  RecordCache::Options options;
  options.max_per_ip = 3;
  options.max_per_subnet24 = 5;
  RecordCache cache(options);
  const auto put = [&](std::uint32_t i, std::uint32_t ip) {
    return cache.announce(at(0s), announce_of(kTopic, key_number(i), {ip, 1}));
  };
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(put(i, 0x09090901) == Stored::stored);
  CHECK(put(3, 0x09090901) == Stored::over_quota);
  CHECK(put(0, 0x09090901) == Stored::stored);  // its own record again
  CHECK(put(4, 0x09090902) == Stored::stored);
  CHECK(put(5, 0x09090903) == Stored::stored);
  CHECK(put(6, 0x09090904) == Stored::over_quota);
  CHECK(put(7, 0x09090a01) == Stored::stored);
  for (std::uint32_t i = 10; i < 20; ++i) CHECK(put(i, 0x0a000001) == Stored::stored);
  CHECK(cache.counts().refused == 2);
}

TEST_CASE("a flood of values leaves those nearest to our id") {
  RecordCache::Options options;
  options.max_values = 64;
  RecordCache cache(options);
  cache.set_id({});
  const auto place = [](int i) { return Target{static_cast<std::uint8_t>(i)}; };
  for (int i = 0; i < 32; ++i) {
    CHECK(cache.put_immutable(at(0s), place(i), Bytes{1}, kSender) == Stored::stored);
  }
  SeededRandom random(4);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    auto target = random.bytes<32>();
    target[0] |= 0x20;  // farther than the first 32
    if (cache.put_immutable(at(0s), target, Bytes{2}, kSender) != Stored::stored) ++refused;
  }
  for (int i = 0; i < 32; ++i) CHECK(cache.get_immutable(at(0s), place(i)));
  CHECK(cache.counts().immutables <= 64);
  CHECK(refused > 1900);
  CHECK(cache.put_immutable(at(33h), place(200), Bytes{1}, kSender) == Stored::stored);
}

TEST_CASE("a topic has a bound of its own and keeps taking newcomers") {
  RecordCache::Options options;
  options.max_records_per_topic = 10;
  RecordCache cache(options);
  SeededRandom random(1);
  for (std::uint32_t i = 0; i < 100; ++i) {
    CHECK(cache.announce(at(0s), announce_of(kTopic, key_number(i))) == Stored::stored);
    CHECK(keys_of(*cache.lookup(at(0s), kTopic, random)).contains(key_number(i)));
    CHECK(cache.counts().records == std::min<std::size_t>(i + 1, 10));
  }
}

namespace {

// A disk as its owner keeps it: what was told, by table and key.
using Disk = std::map<std::pair<RecordTable, Bytes32>, RecordChange>;

void copy_changes(RecordCache& cache, Disk& disk) {
  while (auto change = cache.poll_change()) {
    const std::pair place(change->table, change->key);
    if (change->value) {
      disk.insert_or_assign(place, std::move(*change));
    } else {
      disk.erase(place);
    }
  }
}

RecordCache restored(Now now, const Disk& disk) {
  RecordCache out(RecordCache::Options{.tell_changes = true});
  for (const auto& [place, change] : disk) out.restore(now, change);
  return out;
}

}  // namespace

TEST_CASE("what a cache tells is enough to have it again after a restart") {
  RecordCache cache(RecordCache::Options{.tell_changes = true});
  SeededRandom random(1);
  const auto self = key_number(7);
  cache.announce(at(0s), announce_of(kTopic, key_number(1)));
  cache.announce(at(0s), announce_of(kTopic, key_number(2)));
  cache.announce(at(0s), announce_of(target_of_key(self), self, {0x0a000009, 9}));
  cache.put_mutable(at(0s), Target{5}, mutable_of(3, "m"), kSender);
  cache.put_immutable(at(0s), Target{6}, to_bytes(bytes_of("i")), kSender);
  cache.unannounce(at(1s), kTopic, key_number(2));
  Disk disk;
  copy_changes(cache, disk);
  CHECK(disk.size() == 4);

  auto again = restored(at(1min), disk);
  const auto found = again.lookup(at(1min), kTopic, random);
  REQUIRE(found);
  CHECK(keys_of(*found) == std::set{key_number(1)});
  CHECK(found->peers[0].relay_addresses == std::vector<Endpoint>{{0x09090909, 1}});
  REQUIRE(again.forward(at(1min), target_of_key(self)));
  CHECK(again.forward(at(1min), target_of_key(self))->relay == Endpoint{0x0a000009, 9});
  CHECK(again.get_mutable(at(1min), Target{5}, 0) == mutable_of(3, "m"));
  CHECK(again.get_immutable(at(1min), Target{6}) == to_bytes(bytes_of("i")));
  CHECK_FALSE(again.poll_change());
}

TEST_CASE("a restart neither prolongs nor revives what is stored") {
  RecordCache cache(RecordCache::Options{.tell_changes = true});
  SeededRandom random(1);
  cache.announce(at(0s), announce_of(kTopic, key_number(1)));
  cache.put_immutable(at(0s), Target{6}, to_bytes(bytes_of("i")), kSender);
  Disk disk;
  copy_changes(cache, disk);
  CHECK(restored(at(13min), disk).lookup(at(13min), kTopic, random));
  CHECK_FALSE(restored(at(27min), disk).lookup(at(27min), kTopic, random));
  auto later = restored(at(31h), disk);
  CHECK(later.get_immutable(at(31h), Target{6}));
  CHECK_FALSE(restored(at(65h), disk).get_immutable(at(65h), Target{6}));
  // A disk whose dates are far ahead of the clock.
  for (auto& [place, change] : disk) change.expires.value += 1'000'000'000'000;
  auto ahead = restored(at(0s), disk);
  CHECK_FALSE(ahead.get_immutable(at(65h), Target{6}));
}

TEST_CASE("a value that is asked for is told again with its later date") {
  RecordCache cache(RecordCache::Options{.tell_changes = true});
  cache.put_immutable(at(0s), Target{6}, to_bytes(bytes_of("i")), kSender);
  Disk disk;
  copy_changes(cache, disk);
  const auto first = disk.begin()->second.expires;
  CHECK(cache.get_immutable(at(33h), Target{6}));
  copy_changes(cache, disk);
  CHECK(disk.begin()->second.expires > first);
}

TEST_CASE("what a full table drops is told") {
  RecordCache cache(RecordCache::Options{.max_values = 8, .tell_changes = true});
  cache.set_id(NodeId{});
  Disk disk;
  for (std::uint8_t i = 1; i <= 9; ++i) {
    cache.put_immutable(at(0s), Target{i}, Bytes{i}, kSender);
  }
  copy_changes(cache, disk);
  CHECK(disk.size() == cache.counts().immutables);
  CHECK(disk.size() < 9);
}

TEST_CASE("a broken or unknown copy is left") {
  RecordCache cache;
  for (const auto table : kRecordTables) {
    cache.restore(at(0s), {table, Bytes32{1}, Bytes{}, {UINT64_MAX}});
    cache.restore(at(0s), {table, Bytes32{1}, Bytes{9, 1, 2, 3}, {UINT64_MAX}});
    cache.restore(at(0s), {table, Bytes32{1}, Bytes{1, 0xff, 0xff}, {UINT64_MAX}});
    cache.restore(at(0s), {table, Bytes32{1}, std::nullopt, {UINT64_MAX}});
  }
  const auto counts = cache.counts();
  CHECK(counts.records + counts.forwards + counts.mutables + counts.immutables == 0);
}
