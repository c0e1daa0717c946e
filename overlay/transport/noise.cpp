#include "overlay/transport/noise.hpp"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/little_endian.hpp"

namespace cip::overlay {
namespace {

constexpr std::size_t kHmacBlock = 128;
constexpr std::string_view kXxName = "Noise_XX_Ed25519_ChaChaPoly_BLAKE2b";
constexpr std::string_view kIkName = "Noise_IK_Ed25519_ChaChaPoly_BLAKE2b";

Bytes32 dh_scalar(const KeyPair& key) {
  Bytes64 digest;
  crypto_hash_sha512(digest.data(), key.secret.data(), 32);  // the seed is the first half
  digest[0] &= 248;
  digest[31] &= 127;
  digest[31] |= 64;
  return first_bytes<32>(digest);
}

// Four zero bytes, then the counter.
FixedBytes<12> cipher_nonce(std::uint64_t counter) {
  FixedBytes<12> out{};
  put_u64(&out[4], counter);
  return out;
}

}  // namespace

Result<Bytes32> noise_dh(const KeyPair& local, const PublicKey& remote) {
  const Bytes32 scalar = dh_scalar(local);
  Bytes32 shared;
  // Refuses points of small order, outside the main subgroup or not on the curve.
  if (crypto_scalarmult_ed25519_noclamp(shared.data(), scalar.data(), remote.data()) != 0) {
    return fail(StreamErrc::bad_point);
  }
  return shared;
}

Bytes64 hmac_blake2b(ByteView key, std::initializer_list<ByteView> parts) {
  FixedBytes<kHmacBlock> block{};
  if (key.size() > kHmacBlock) {
    const auto digest = hash64({key});
    std::copy(digest.begin(), digest.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  FixedBytes<kHmacBlock> inner_pad, outer_pad;
  for (std::size_t i = 0; i < kHmacBlock; ++i) {
    inner_pad[i] = block[i] ^ 0x36;
    outer_pad[i] = block[i] ^ 0x5c;
  }
  crypto_generichash_state state;
  Bytes64 inner;
  crypto_generichash_init(&state, nullptr, 0, inner.size());
  crypto_generichash_update(&state, inner_pad.data(), inner_pad.size());
  for (const auto part : parts) crypto_generichash_update(&state, part.data(), part.size());
  crypto_generichash_final(&state, inner.data(), inner.size());
  return hash64({outer_pad, inner});
}

HkdfOutput hkdf(const Bytes64& chaining_key, ByteView input) {
  const Bytes64 temporary = hmac_blake2b(chaining_key, {input});
  const std::uint8_t one = 1, two = 2;
  HkdfOutput out;
  out.first = hmac_blake2b(temporary, {ByteView(&one, 1)});
  out.second = hmac_blake2b(temporary, {out.first, ByteView(&two, 1)});
  return out;
}

SymmetricState::SymmetricState(std::string_view protocol_name, ByteView prologue) {
  CIP_ASSERT(protocol_name.size() <= hash_.size());
  std::copy(protocol_name.begin(), protocol_name.end(), hash_.begin());
  chaining_key_ = hash_;
  mix_hash(prologue);
}

void SymmetricState::mix_hash(ByteView bytes) { hash_ = hash64({hash_, bytes}); }

void SymmetricState::mix_key(ByteView input) {
  const auto derived = hkdf(chaining_key_, input);
  chaining_key_ = derived.first;
  cipher_key_ = first_bytes<32>(derived.second);
  nonce_ = 0;
}

void SymmetricState::encrypt_and_hash(ByteView plaintext, Bytes& out) {
  const auto start = out.size();
  if (!cipher_key_) {
    append(out, plaintext);
  } else {
    out.resize(start + plaintext.size() + kNoiseTagSize);
    const auto nonce = cipher_nonce(nonce_++);
    crypto_aead_chacha20poly1305_ietf_encrypt(out.data() + start, nullptr, plaintext.data(),
                                              plaintext.size(), hash_.data(), hash_.size(), nullptr,
                                              nonce.data(), cipher_key_->data());
  }
  mix_hash(ByteView(out).subspan(start));
}

Result<Bytes> SymmetricState::decrypt_and_hash(ByteView ciphertext) {
  Bytes out;
  if (!cipher_key_) {
    out = to_bytes(ciphertext);
  } else {
    if (ciphertext.size() < kNoiseTagSize) return fail(StreamErrc::bad_handshake);
    out.resize(ciphertext.size() - kNoiseTagSize);
    const auto nonce = cipher_nonce(nonce_++);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, ciphertext.data(),
                                                  ciphertext.size(), hash_.data(), hash_.size(),
                                                  nonce.data(), cipher_key_->data()) != 0) {
      return fail(StreamErrc::bad_handshake);
    }
  }
  mix_hash(ciphertext);
  return out;
}

SymmetricState::Keys SymmetricState::split() const {
  const auto derived = hkdf(chaining_key_, {});
  return {first_bytes<32>(derived.first), first_bytes<32>(derived.second)};
}

NoiseHandshake::NoiseHandshake(Options options, Random& random)
    : options_(std::move(options)),
      ephemeral_(make_key_pair(random.bytes<32>())),
      state_(options_.pattern == Pattern::xx ? kXxName : kIkName, options_.prologue) {
  if (options_.pattern != Pattern::ik) return;
  // The responder's static key counts as a message before the first.
  if (options_.role == Role::initiator) {
    CIP_ASSERT(options_.remote_static.has_value());
    remote_static_ = options_.remote_static;
    state_.mix_hash(*remote_static_);
  } else {
    state_.mix_hash(options_.static_key.public_key);
  }
}

std::span<const NoiseHandshake::Token> NoiseHandshake::tokens() const {
  using enum Token;
  static constexpr Token xx1[] = {e}, xx2[] = {e, ee, s, es}, xx3[] = {s, se};
  static constexpr Token ik1[] = {e, es, s, ss}, ik2[] = {e, ee, se};
  if (options_.pattern == Pattern::ik) {
    return next_ == 0 ? std::span<const Token>(ik1) : ik2;
  }
  if (next_ == 0) return xx1;
  return next_ == 1 ? std::span<const Token>(xx2) : xx3;
}

bool NoiseHandshake::is_my_turn() const {
  const bool initiator_turn = next_ % 2 == 0;
  return !is_complete() && initiator_turn == (options_.role == Role::initiator);
}

Result<Bytes> NoiseHandshake::write_message(ByteView payload) {
  CIP_ASSERT(is_my_turn());
  Bytes out;
  for (const auto token : tokens()) {
    if (auto done = write_token(token, out); !done) return fail(done.error());
  }
  state_.encrypt_and_hash(payload, out);
  ++next_;
  return out;
}

Result<void> NoiseHandshake::write_token(Token token, Bytes& out) {
  switch (token) {
    case Token::e:
      append(out, ephemeral_.public_key);
      state_.mix_hash(ephemeral_.public_key);
      return {};
    case Token::s:
      state_.encrypt_and_hash(options_.static_key.public_key, out);
      return {};
    default:
      return mix_dh(token);
  }
}

Result<Bytes> NoiseHandshake::read_message(ByteView message) {
  CIP_ASSERT(!is_complete() && !is_my_turn());
  for (const auto token : tokens()) {
    if (auto done = read_token(token, message); !done) return fail(done.error());
  }
  auto payload = state_.decrypt_and_hash(message);
  if (payload) ++next_;
  return payload;
}

Result<void> NoiseHandshake::read_token(Token token, ByteView& rest) {
  if (token == Token::e) {
    if (rest.size() < 32) return fail(StreamErrc::bad_handshake);
    remote_ephemeral_ = first_bytes<32>(rest);
    state_.mix_hash(rest.first(32));
    rest = rest.subspan(32);
    return {};
  }
  if (token == Token::s) {
    const std::size_t size = 32 + (state_.cipher_key() ? kNoiseTagSize : 0);
    if (rest.size() < size) return fail(StreamErrc::bad_handshake);
    auto key = state_.decrypt_and_hash(rest.first(size));
    if (!key) return fail(key.error());
    remote_static_ = first_bytes<32>(*key);
    rest = rest.subspan(size);
    return {};
  }
  return mix_dh(token);
}

// The first letter of a token names the initiator's key, the second the responder's.
Result<void> NoiseHandshake::mix_dh(Token token) {
  const bool initiator = options_.role == Role::initiator;
  const bool initiator_static = token == Token::se || token == Token::ss;
  const bool responder_static = token == Token::es || token == Token::ss;
  const bool local_static = initiator ? initiator_static : responder_static;
  const bool remote_static = initiator ? responder_static : initiator_static;
  const auto& remote = remote_static ? remote_static_ : remote_ephemeral_;
  CIP_ASSERT(remote.has_value());
  const auto shared = noise_dh(local_static ? options_.static_key : ephemeral_, *remote);
  if (!shared) return fail(shared.error());
  state_.mix_key(*shared);
  return {};
}

Bytes32 NoiseHandshake::send_key() const {
  CIP_ASSERT(is_complete());
  const auto keys = state_.split();
  return options_.role == Role::initiator ? keys.initiator_sends : keys.responder_sends;
}

Bytes32 NoiseHandshake::receive_key() const {
  CIP_ASSERT(is_complete());
  const auto keys = state_.split();
  return options_.role == Role::initiator ? keys.responder_sends : keys.initiator_sends;
}

}  // namespace cip::overlay
