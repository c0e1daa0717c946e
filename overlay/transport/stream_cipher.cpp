#include "overlay/transport/stream_cipher.hpp"

#include "base/assert.hpp"

namespace cip::overlay {
namespace {

// init_push draws the header by itself; init_pull with a given header reaches the same state.
void init(crypto_secretstream_xchacha20poly1305_state& state, const Bytes32& key,
          const StreamHeader& header) {
  const int done =
      crypto_secretstream_xchacha20poly1305_init_pull(&state, header.data(), key.data());
  CIP_ASSERT(done == 0);
}

constexpr std::size_t kOverhead = crypto_secretstream_xchacha20poly1305_ABYTES;

}  // namespace

MessageSealer::MessageSealer(const Bytes32& key, const StreamHeader& header) {
  init(state_, key, header);
}

void MessageSealer::seal(MutableByteView body) {
  CIP_ASSERT(body.size() >= kOverhead);
  crypto_secretstream_xchacha20poly1305_push(&state_, body.data(), nullptr, body.data() + 1,
                                             body.size() - kOverhead, nullptr, 0,
                                             crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
}

MessageOpener::MessageOpener(const Bytes32& key, const StreamHeader& header) {
  init(state_, key, header);
}

std::optional<MutableByteView> MessageOpener::open(MutableByteView body) {
  if (body.size() < kOverhead) return std::nullopt;
  unsigned char tag = 0;
  if (crypto_secretstream_xchacha20poly1305_pull(&state_, body.data() + 1, nullptr, &tag,
                                                 body.data(), body.size(), nullptr, 0) != 0) {
    return std::nullopt;
  }
  return body.subspan(1, body.size() - kOverhead);
}

}  // namespace cip::overlay
