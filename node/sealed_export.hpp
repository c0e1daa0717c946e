#pragma once

// An exported identity (store/identity_export.hpp) sealed with a passphrase:
//
//   magic "cipnode-sealed", 14 | version u8 (1)
//   | opslimit u32 | memlimit u32, KiB | salt, 16      of Argon2id (libsodium's crypto_pwhash)
//   | nonce, 24 | box                                  XSalsa20-Poly1305 (crypto_secretbox)
//   | BLAKE2b of all before, 32                        so that damage is told from a wrong
//   passphrase
//
// Integers are little endian. Frozen with version 1. The numbers of Argon2id are in the file, so
// that later versions may ask for more; what a file asks for is bounded before any of it is done.

#include <string_view>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "node/error.hpp"

namespace cip::node {

// What deriving a key costs. libsodium's limits "moderate": 256 MiB, and most of a second.
struct SealCost {
  std::uint32_t operations = 3;
  std::uint32_t kibibytes = 256 << 10;
};
inline constexpr std::uint32_t kMostOperations = 16;
inline constexpr std::uint32_t kMostKibibytes = 1 << 20;
inline constexpr std::size_t kLargestPassphrase = 4096;

bool is_sealed(ByteView file);

// Error internal: there is not enough memory.
Outcome<Bytes> seal(ByteView exported, std::string_view passphrase, Random& random,
                    const SealCost& cost = {});

// Errors: refused (the passphrase is wrong), corrupt (damaged, or it asks for more than the
// bounds), incompatible (of a later version), usage (no sealed file), internal (not enough memory).
Outcome<Bytes> unseal(ByteView file, std::string_view passphrase);

}  // namespace cip::node
