// Holepunch messages, opened: what decodes encodes to bytes that decode to the same.

#include "overlay/punch/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cip::overlay;
  const auto message = decode_punch_message({data, size});
  if (message && decode_punch_message(encode_punch_message(*message)) != message) {
    __builtin_trap();
  }
  return 0;
}
