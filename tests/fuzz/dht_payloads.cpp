// Every value inside a DHT message: what decodes must encode to something that decodes to the same.
// The first byte picks the decoder.

#include "base/assert.hpp"
#include "dht/payloads.hpp"

namespace {

using namespace cip::dht;

template <typename Decode, typename Encode>
void round_trip(cip::ByteView bytes, Decode decode, Encode encode) {
  const auto value = decode(bytes);
  if (value) CIP_ASSERT(decode(encode(*value)) == value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const cip::ByteView bytes(data + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      round_trip(bytes, decode_peer, encode_peer);
      break;
    case 1:
      round_trip(bytes, decode_lookup_reply, encode_lookup_reply);
      break;
    case 2:
      round_trip(bytes, decode_announce, encode_announce);
      break;
    case 3:
      round_trip(bytes, decode_mutable_value, encode_mutable_value);
      break;
    case 4:
      round_trip(bytes, decode_mutable_put, encode_mutable_put);
      break;
    case 5:
      round_trip(bytes, decode_handshake, encode_handshake);
      break;
    default:
      round_trip(bytes, decode_holepunch, encode_holepunch);
      break;
  }
  return 0;
}
