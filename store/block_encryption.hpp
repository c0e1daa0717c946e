#pragma once

// Encrypted blocks (feeds.md 11). Encryption comes before hashing, so that those who replicate a
// feed need no key. There is no MAC: integrity comes from the tree.
//
//   stored block = padding (8) || ciphertext (as long as the plaintext)
//   padding      = u64(fork) xor first 8 bytes of XSalsa20(u64(index) || 16 zeros, blinding key)
//   ciphertext   = plaintext xor XSalsa20(u64(index) || padding || 8 zeros, block key)

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace cip::store {

// Bytes that encryption adds to a block; sizes in tree nodes include them.
inline constexpr std::size_t kBlockPadding = 8;

// The key of a feed's blocks, from the encryption key that its users share.
Bytes32 derive_block_key(const Bytes32& feed_key, const Bytes32& encryption_key, bool compat);

// Encrypts and decrypts the blocks of one feed.
class BlockCipher {
 public:
  // A block key as derive_block_key() gives it, or as it was handed out.
  explicit BlockCipher(const Bytes32& block_key);

  const Bytes32& blinding_key() const { return blinding_key_; }

  // `fork` is the feed's at the time of writing.
  Bytes encrypt(std::uint64_t index, std::uint64_t fork, ByteView plaintext) const;
  // `fork` is the feed's now. nullopt when the block is none of this key: too short, or its padding
  // names a fork that the feed has not come to, as it does by chance once in 2^64 for another key
  // or a block that was never encrypted.
  std::optional<Bytes> decrypt(std::uint64_t index, std::uint64_t fork, ByteView stored) const;

 private:
  Bytes32 block_key_;
  Bytes32 blinding_key_;
};

}  // namespace cip::store
