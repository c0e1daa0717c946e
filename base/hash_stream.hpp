#pragma once

// BLAKE2b with 32 bytes of output, as hash() of base/crypto.hpp, of what comes piece by piece.

#include <sodium.h>

#include "base/bytes.hpp"

namespace cip {
inline namespace base {

class HashStream {
 public:
  HashStream() { crypto_generichash_init(&state_, nullptr, 0, sizeof(Bytes32)); }
  void update(ByteView bytes) { crypto_generichash_update(&state_, bytes.data(), bytes.size()); }
  Bytes32 finish() {  // once
    Bytes32 out;
    crypto_generichash_final(&state_, out.data(), out.size());
    return out;
  }

 private:
  crypto_generichash_state state_;
};

}  // namespace base
}  // namespace cip
