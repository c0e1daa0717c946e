// Blocks and channel messages of topics: decoding anything must end without harm.

#include "overlay/topic_codec.hpp"
#include "base/crypto.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***) { return cip::init_crypto() ? 0 : 1; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cip::overlay;
  const cip::ByteView payload{data, size};
  (void)decode_topic_header(payload, {});
  (void)decode_topic_message(payload);
  (void)decode_topic_open(payload);
  (void)decode_topic_feeds(payload);
  (void)decode_topic_push(payload);
  (void)decode_topic_have(payload);
  (void)decode_topic_graft(payload);
  (void)decode_topic_prune(payload);
  (void)decode_topic_ack(payload);
  return 0;
}
