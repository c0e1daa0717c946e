#pragma once

// Noise handshakes XX and IK over Ed25519 keys, ChaCha20-Poly1305 and BLAKE2b-512 (feeds.md 3.2;
// dht.md 12; peer implementation: npm noise-handshake with noise-curve-ed).
//
//   XX  -> e                         IK  (responder's static key known before)
//       <- e, ee, s, es                  -> e, es, s, ss
//       -> s, se                         <- e, ee, se
//
// Each message carries a payload, encrypted as soon as there is a key. The Diffie-Hellman function
// multiplies an Ed25519 point as it is by the clamped half of SHA-512 of the seed.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "overlay/transport/errors.hpp"
#include "overlay/transport/role.hpp"

namespace cip::overlay {

inline constexpr std::size_t kNoiseTagSize = 16;

// The shared point of a local key and a remote public key. Fails with bad_point when the remote key
// is no point of the main subgroup.
Result<Bytes32> noise_dh(const KeyPair& local, const PublicKey& remote);

// HMAC-BLAKE2b-512 in the ordinary construction with blocks of 128 bytes.
Bytes64 hmac_blake2b(ByteView key, std::initializer_list<ByteView> parts);

struct HkdfOutput {
  Bytes64 first;
  Bytes64 second;
};
HkdfOutput hkdf(const Bytes64& chaining_key, ByteView input);

// Hash, chaining key and cipher of a handshake under way: the SymmetricState of the Noise paper.
class SymmetricState {
 public:
  // `protocol_name` has at most 64 bytes. The prologue is mixed in even when empty.
  SymmetricState(std::string_view protocol_name, ByteView prologue);

  void mix_hash(ByteView bytes);
  void mix_key(ByteView input);
  // Appends the ciphertext (or, while there is no key, the text itself) to `out`.
  void encrypt_and_hash(ByteView plaintext, Bytes& out);
  Result<Bytes> decrypt_and_hash(ByteView ciphertext);
  // Keys of the two directions: initiator to responder first.
  struct Keys {
    Bytes32 initiator_sends;
    Bytes32 responder_sends;
  };
  Keys split() const;

  const Bytes64& hash() const { return hash_; }
  const Bytes64& chaining_key() const { return chaining_key_; }
  const std::optional<Bytes32>& cipher_key() const { return cipher_key_; }
  std::uint64_t nonce() const { return nonce_; }

 private:
  Bytes64 hash_{};
  Bytes64 chaining_key_{};
  std::optional<Bytes32> cipher_key_;
  std::uint64_t nonce_ = 0;
};

// One side of one handshake. Call write_message and read_message in the order of the pattern; after
// the last one is_complete() and the keys are there. A failure is final.
class NoiseHandshake {
 public:
  enum class Pattern : std::uint8_t { xx, ik };

  struct Options {
    Pattern pattern = Pattern::xx;
    Role role = Role::initiator;
    KeyPair static_key = {};
    Bytes prologue = {};
    // The responder's key: required for the initiator of IK, otherwise ignored.
    std::optional<PublicKey> remote_static = std::nullopt;
  };
  // `random` gives the ephemeral seed; it is not kept beyond the constructor.
  NoiseHandshake(Options options, Random& random);

  // The next message of this side, with `payload` inside.
  Result<Bytes> write_message(ByteView payload = {});
  // The payload of the next message of the other side.
  Result<Bytes> read_message(ByteView message);

  bool is_complete() const { return next_ == message_count(); }
  bool is_my_turn() const;
  // Of the other side; there once its message with the token s was read (or given before).
  const std::optional<PublicKey>& remote_static() const { return remote_static_; }
  const SymmetricState& state() const { return state_; }

  // After completion.
  Bytes32 send_key() const;
  Bytes32 receive_key() const;
  const Bytes64& handshake_hash() const { return state_.hash(); }

 private:
  enum class Token : std::uint8_t { e, s, ee, es, se, ss };

  std::size_t message_count() const { return options_.pattern == Pattern::xx ? 3 : 2; }
  std::span<const Token> tokens() const;
  Result<void> write_token(Token token, Bytes& out);
  Result<void> read_token(Token token, ByteView& rest);
  Result<void> mix_dh(Token token);

  Options options_;
  KeyPair ephemeral_;
  SymmetricState state_;
  std::optional<PublicKey> remote_static_;
  std::optional<PublicKey> remote_ephemeral_;
  std::size_t next_ = 0;  // message to come
};

}  // namespace cip::overlay
