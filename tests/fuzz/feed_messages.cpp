// The replication messages, chosen by the first byte: decoding must end without harm, and what
// decodes as data must encode to something that decodes to the same proof.

#include "overlay/feed_messages.hpp"
#include "base/assert.hpp"
#include "base/crypto.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***) { return cip::init_crypto() ? 0 : 1; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cip::overlay;
  if (size == 0) return 0;
  const cip::ByteView payload{data + 1, size - 1};
  switch (data[0] % 8) {
    case 0:
      (void)decode_sync(payload);
      break;
    case 1:
      (void)decode_request(payload);
      break;
    case 2:
      (void)decode_cancel(payload);
      break;
    case 3:
      (void)decode_no_data(payload);
      break;
    case 4:
      (void)decode_want(payload);
      break;
    case 5:
      (void)decode_bitfield(payload);
      break;
    case 6:
      (void)decode_range(payload);
      break;
    default: {
      const auto message = decode_data(payload);
      if (!message) break;
      const auto again = decode_data(encode_data(message->id, message->proof));
      CIP_ASSERT(again.has_value());
      CIP_ASSERT(again->proof == message->proof);
    }
  }
  return 0;
}
