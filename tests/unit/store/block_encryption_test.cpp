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
    CHECK(to_hex(block_key) == item["blockKey"].get<std::string>());
    const BlockCipher cipher(block_key);
    CHECK(to_hex(cipher.blinding_key()) == item["blindingKey"].get<std::string>());
    CHECK(kBlockPadding == item["padding"]);
    for (const auto& block : item["blocks"]) {
      const auto index = block["index"].get<std::uint64_t>();
      const auto plaintext = test::hex(block["plaintext"]);
      const auto fork = block["fork"].get<std::uint64_t>();
      const auto stored = cipher.encrypt(index, fork, plaintext);
      CHECK(to_hex(stored) == block["stored"].get<std::string>());
      CHECK(cipher.decrypt(index, fork, stored) == plaintext);
    }
  }
}

TEST_CASE("a block too short for its padding is not an encrypted one") {
  const BlockCipher cipher(Bytes32{1});
  CHECK_FALSE(cipher.decrypt(0, 0, Bytes(7)));
  CHECK(cipher.decrypt(0, 0, cipher.encrypt(0, 0, {})) == Bytes{});
}

TEST_CASE("a block of another key, or of none, or of a fork to come is not one of this key") {
  const BlockCipher cipher(Bytes32{1});
  const auto stored = cipher.encrypt(3, 2, bytes_of("secret text"));
  CHECK_FALSE(BlockCipher(Bytes32{2}).decrypt(3, 2, stored));
  CHECK_FALSE(cipher.decrypt(4, 2, stored));
  CHECK_FALSE(cipher.decrypt(3, 2, bytes_of("a plain text")));
  CHECK_FALSE(cipher.decrypt(3, 1, stored));
  CHECK(text_of(*cipher.decrypt(3, 5, stored)) == "secret text");
}
