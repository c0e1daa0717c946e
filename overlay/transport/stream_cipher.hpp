#pragma once

// The two directions of libsodium's secretstream (XChaCha20-Poly1305), in place: tag MESSAGE, no
// associated data (feeds.md 3.4).
//
//   body = encrypted tag (1) || ciphertext || MAC (16)

#include <sodium.h>

#include <optional>

#include "base/bytes.hpp"

namespace cip::overlay {

using StreamHeader = FixedBytes<crypto_secretstream_xchacha20poly1305_HEADERBYTES>;

class MessageSealer {
 public:
  MessageSealer() = default;
  // `header` is 24 fresh random bytes that the other side is sent in clear.
  MessageSealer(const Bytes32& key, const StreamHeader& header);
  // `body` has the plaintext at offset 1 and ends with 16 bytes of room.
  void seal(MutableByteView body);

 private:
  crypto_secretstream_xchacha20poly1305_state state_{};
};

class MessageOpener {
 public:
  MessageOpener() = default;
  MessageOpener(const Bytes32& key, const StreamHeader& header);
  // The plaintext, inside `body`; none if the body is too short or does not authenticate.
  std::optional<MutableByteView> open(MutableByteView body);

 private:
  crypto_secretstream_xchacha20poly1305_state state_{};
};

}  // namespace cip::overlay
