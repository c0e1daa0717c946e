// Every datagram: what decodes must encode to something that decodes to the same.

#include "base/assert.hpp"
#include "dht/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = cip::dht::decode_message({data, size});
  if (message) {
    const auto again = cip::dht::decode_message(cip::dht::encode_message(*message));
    CIP_ASSERT(again.has_value());
    CIP_ASSERT(*again == *message);
  }
  return 0;
}
