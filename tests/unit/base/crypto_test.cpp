#include "base/crypto.hpp"

#include <doctest/doctest.h>

#include "base/codec.hpp"
#include "base/text.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;

TEST_CASE("namespaces have the values of the peers") {
  for (const auto& item : test::load_vectors("feeds/keys.json", "namespaces")) {
    const auto value =
        make_namespace(item["name"].get<std::string>(), item["index"].get<std::uint8_t>());
    CHECK(to_hex(value) == item["value"].get<std::string>());
  }
}

TEST_CASE("seeds give the key pairs and discovery keys of the peers") {
  for (const auto& item : test::load_vectors("feeds/keys.json", "keys")) {
    const auto pair = make_key_pair(test::hex32(item["seed"]));
    CHECK(to_hex(pair.public_key) == item["publicKey"].get<std::string>());
    CHECK(to_hex(pair.secret) == item["secretKey"].get<std::string>());
    CHECK(to_hex(discovery_key(pair.public_key)) == item["compatDiscoveryKey"].get<std::string>());
    CHECK(to_hex(discovery_key(test::hex32(item["defaultManifestKey"]))) ==
          item["discoveryKey"].get<std::string>());
  }
}

TEST_CASE("named key pairs derive from the primary key as in a corestore") {
  const auto vectors = test::load_vectors("feeds/corestore.json");
  const auto primary = test::hex32(vectors["primaryKey"]);
  for (const auto& item : vectors["cases"]) {
    Bytes32 name_space{};
    for (const auto& part : item["namespacePath"])
      name_space = child_namespace(name_space, part.get<std::string>());
    CHECK(to_hex(name_space) == item["namespace"].get<std::string>());
    const auto pair = derive_key_pair(primary, name_space, item["name"].get<std::string>());
    CHECK(to_hex(pair.seed()) == item["seed"].get<std::string>());
    CHECK(to_hex(pair.public_key) == item["publicKey"].get<std::string>());
  }
}

TEST_CASE("a node id is the hash of its address") {
  for (const auto& item : test::load_vectors("dht/ids.json", "ids")) {
    const Endpoint endpoint{*parse_ipv4(item["host"].get<std::string>()),
                            item["port"].get<std::uint16_t>()};
    Writer writer;
    writer.addr4(endpoint);
    CHECK(to_hex(writer.view()) == item["address"].get<std::string>());
    CHECK(to_hex(hash(writer.view())) == item["id"].get<std::string>());
  }
}

TEST_CASE("a signature verifies for its message and key alone") {
  const auto key = make_key_pair(Seed{1});
  auto signature = sign(bytes_of("message"), key);
  CHECK(verify_signature(signature, bytes_of("message"), key.public_key));
  CHECK_FALSE(verify_signature(signature, bytes_of("massage"), key.public_key));
  CHECK_FALSE(verify_signature(signature, bytes_of("message"), make_key_pair(Seed{2}).public_key));
  signature[3] ^= 1;
  CHECK_FALSE(verify_signature(signature, bytes_of("message"), key.public_key));
}
