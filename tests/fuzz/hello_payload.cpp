// Hello payloads: what decodes encodes to bytes that decode to the same.

#include "overlay/hello_payload.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cip::overlay;
  const auto payload = decode_hello_payload({data, size});
  if (payload && payload->version == 1 &&
      decode_hello_payload(encode_hello_payload(*payload)) != payload) {
    __builtin_trap();
  }
  return 0;
}
