#include "store/block_encryption.hpp"

#include <sodium.h>

#include "base/crypto.hpp"
#include "base/little_endian.hpp"

namespace cip::store {
namespace {

using Nonce = FixedBytes<crypto_stream_xsalsa20_NONCEBYTES>;

std::uint64_t u64_of(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value |= std::uint64_t{bytes[i]} << (8 * i);
  return value;
}

}  // namespace

Bytes32 derive_block_key(const Bytes32& feed_key, const Bytes32& encryption_key, bool compat) {
  static const Bytes32 domain = make_namespace("hypercore", 5);
  if (compat) return keyed_hash(feed_key, encryption_key);
  return hash({domain, feed_key, encryption_key});
}

BlockCipher::BlockCipher(const Bytes32& block_key)
    : block_key_(block_key), blinding_key_(hash(block_key)) {}

Bytes BlockCipher::encrypt(std::uint64_t index, std::uint64_t fork, ByteView plaintext) const {
  Bytes stored(kBlockPadding + plaintext.size());
  Nonce nonce{};
  put_u64(nonce.data(), index);
  put_u64(stored.data(), fork);
  crypto_stream_xsalsa20_xor(stored.data(), stored.data(), kBlockPadding, nonce.data(),
                             blinding_key_.data());
  std::memcpy(&nonce[8], stored.data(), kBlockPadding);
  if (!plaintext.empty())
    crypto_stream_xsalsa20_xor(stored.data() + kBlockPadding, plaintext.data(), plaintext.size(),
                               nonce.data(), block_key_.data());
  return stored;
}

std::optional<Bytes> BlockCipher::decrypt(std::uint64_t index, std::uint64_t fork,
                                          ByteView stored) const {
  if (stored.size() < kBlockPadding) return std::nullopt;
  const auto ciphertext = stored.subspan(kBlockPadding);
  Nonce nonce{};
  put_u64(nonce.data(), index);
  FixedBytes<kBlockPadding> padding{};
  crypto_stream_xsalsa20_xor(padding.data(), stored.data(), kBlockPadding, nonce.data(),
                             blinding_key_.data());
  if (u64_of(padding.data()) > fork) return std::nullopt;
  std::memcpy(&nonce[8], stored.data(), kBlockPadding);
  Bytes plaintext(ciphertext.size());
  if (!ciphertext.empty())
    crypto_stream_xsalsa20_xor(plaintext.data(), ciphertext.data(), ciphertext.size(), nonce.data(),
                               block_key_.data());
  return plaintext;
}

}  // namespace cip::store
