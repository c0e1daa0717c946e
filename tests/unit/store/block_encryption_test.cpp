#include "store/block_encryption.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "store/tree.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::store;

TEST_CASE("blocks encrypt and decrypt as those of the peers") {
  for (const auto& item : test::load_vectors("feeds/encryption.json", "cases")) {
    const auto block_key = derive_block_key(
        test::hex32(item["key"]), test::hex32(item["encryptionKey"]), item["compat"].get<bool>());
    CHECK(to_hex(block_key) == item["blockKey"]);
    const BlockCipher cipher(block_key);
    CHECK(to_hex(cipher.blinding_key()) == item["blindingKey"]);
    CHECK(kBlockPadding == item["padding"]);
    for (const auto& block : item["blocks"]) {
      const auto index = block["index"].get<std::uint64_t>();
      const auto plaintext = test::hex(block["plaintext"]);
      const auto stored = cipher.encrypt(index, block["fork"].get<std::uint64_t>(), plaintext);
      CHECK(to_hex(stored) == block["stored"]);
      CHECK(cipher.decrypt(index, stored) == plaintext);
    }
  }
}

TEST_CASE("a block too short for its padding is not an encrypted one") {
  const BlockCipher cipher(Bytes32{1});
  CHECK_FALSE(cipher.decrypt(0, Bytes(7)));
  CHECK(cipher.decrypt(0, cipher.encrypt(0, 0, {})) == Bytes{});
}
