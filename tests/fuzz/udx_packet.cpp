// A UDX packet that decodes encodes to the same header; its parts cover the datagram and no more.

#include "overlay/transport/udx/packet.hpp"

#include "base/assert.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cip;
  using namespace cip::overlay;
  const ByteView input(data, size);
  const auto packet = decode_udx_packet(input);
  if (!packet) return 0;
  Bytes header;
  append_udx_header(header, packet->header);
  CIP_ASSERT(equal(header, input.first(kUdxHeaderSize)));
  if (packet->overrun) return 0;
  CIP_ASSERT(kUdxHeaderSize + packet->area.size() + packet->payload.size() == size);
  CIP_ASSERT(packet->sack_blocks() <= kUdxMaxSackRead);
  for (std::size_t i = 0; i < packet->sack_blocks(); ++i) {
    Bytes block;
    append_udx_sack(block, packet->sack_block(i));
    CIP_ASSERT(equal(block, packet->area.subspan(i * kUdxSackBlockSize, kUdxSackBlockSize)));
  }
  return 0;
}
