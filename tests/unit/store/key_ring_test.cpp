#include "store/key_ring.hpp"

#include <doctest/doctest.h>

#include "store/memory_backend.hpp"
#include "tests/support/vectors.hpp"
#include "tests/unit/store/backend_fixture.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

// A ring with the primary key of the vectors.
struct Rig {
  Rig() : ring(backend, primary_key()) {}
  static Bytes32 primary_key() { return hex32(load_vectors("feeds/corestore.json", "primaryKey")); }
  void put(std::uint8_t feed, std::optional<Seed> seed, std::string derived_name,
           std::optional<Bytes32> encryption_key = {}) {
    RingKey key;
    key.encryption_key = encryption_key;
    key.key = key_of(feed);
    key.seed = seed;
    key.derived_name = std::move(derived_name);
    REQUIRE(backend.put_ring_key(key).has_value());
  }

  SeededRandom random{1};
  MemoryBackend backend{random};
  KeyRing ring;
};

}  // namespace

TEST_CASE("a derived feed has the key that a stock store derives from the same primary key") {
  std::size_t checked = 0;
  for (const auto& item : load_vectors("feeds/corestore.json", "cases")) {
    if (!item["namespacePath"].empty() || item["key"].is_null()) continue;
    const auto pair = derive_feed_key_pair(Rig::primary_key(), item["name"].get<std::string>());
    CHECK(pair.public_key == hex32(item["publicKey"]));
    CHECK(manifest_key(single_signer_manifest(pair.public_key)) == hex32(item["key"]));
    ++checked;
  }
  CHECK(checked == 2);
}

TEST_CASE("the identity differs from every feed of the same name") {
  const auto primary = Rig::primary_key();
  CHECK(derive_identity(primary).public_key != derive_feed_key_pair(primary, "peer").public_key);
  CHECK(derive_identity(primary).public_key == derive_identity(primary).public_key);
  CHECK(derive_identity(primary).public_key != derive_identity(key_of(1)).public_key);
}

TEST_CASE("the ring signs for random and derived feeds and for nobody else's") {
  Rig rig;
  rig.put(1, key_of(50), "");
  rig.put(2, {}, "notes");
  CHECK((*rig.ring.find_signer(key_of(1)))->public_key == make_key_pair(key_of(50)).public_key);
  CHECK((*rig.ring.find_signer(key_of(2)))->public_key ==
        derive_feed_key_pair(Rig::primary_key(), "notes").public_key);
  CHECK_FALSE(rig.ring.find_signer(key_of(3))->has_value());
  rig.put(3, {}, "", key_of(9));
  CHECK_FALSE(rig.ring.find_signer(key_of(3))->has_value());
}

TEST_CASE("the ring knows the encryption keys that came into it") {
  Rig rig;
  CHECK_FALSE(rig.ring.find_encryption_key(key_of(1))->has_value());
  rig.put(1, key_of(50), "", key_of(9));
  CHECK(*rig.ring.find_encryption_key(key_of(1)) == key_of(9));
  CHECK(rig.ring.find_signer(key_of(1))->has_value());
}

TEST_CASE("retiring forgets secrets but not that a derived name is spent") {
  Rig rig;
  rig.put(1, key_of(50), "");
  rig.put(2, {}, "notes", key_of(9));
  for (const auto& feed : {key_of(1), key_of(2), key_of(3)}) {
    REQUIRE(rig.ring.retire(feed).has_value());
    CHECK_FALSE(rig.ring.find_signer(feed)->has_value());
    CHECK_FALSE(rig.ring.find_encryption_key(feed)->has_value());
  }
  CHECK(rig.ring.is_spent(key_of(1)) == false);
  CHECK(rig.ring.is_spent(key_of(2)) == true);
}

}  // namespace cip::store
