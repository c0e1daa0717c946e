#include "overlay/transport/udx/packet.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/codec.hpp"
#include "base/little_endian.hpp"

namespace cip::overlay {
namespace {

constexpr std::uint8_t kUdxMagic = 0xff;
constexpr std::uint8_t kUdxVersion = 1;
constexpr std::size_t kStreamAt = 4;

}  // namespace

std::size_t UdxPacket::sack_blocks() const {
  return is(kUdxSack) ? std::min(area.size() / kUdxSackBlockSize, kUdxMaxSackRead) : 0;
}

UdxRange UdxPacket::sack_block(std::size_t index) const {
  Reader in(area.subspan(index * kUdxSackBlockSize, kUdxSackBlockSize));
  const auto begin = in.u32();
  return {begin, in.u32()};
}

std::optional<UdxPacket> decode_udx_packet(ByteView datagram) {
  if (datagram.size() < kUdxHeaderSize) return std::nullopt;
  Reader in(datagram);
  if (in.u8() != kUdxMagic) return std::nullopt;
  if (in.u8() != kUdxVersion) return std::nullopt;
  UdxPacket out;
  auto& header = out.header;
  header.type = in.u8();
  header.offset = in.u8();
  header.stream = in.u32();
  header.window = in.u32();
  header.seq = in.u32();
  header.ack = in.u32();
  const auto rest = in.rest();
  out.overrun = header.offset > rest.size();
  if (out.overrun) return out;
  // Stock sends SACK alone and with offset 0: the blocks are all there is.
  const bool all_sack = out.is(kUdxSack) && (header.offset == 0 || header.offset == rest.size());
  const auto area = all_sack ? rest.size() : header.offset;
  out.area = rest.first(area);
  out.payload = rest.subspan(area);
  return out;
}

void append_udx_header(Bytes& out, const UdxHeader& header) {
  FixedBytes<kUdxHeaderSize> bytes{kUdxMagic, kUdxVersion, header.type, header.offset};
  put_u32(bytes.data() + kStreamAt, header.stream);
  put_u32(bytes.data() + 8, header.window);
  put_u32(bytes.data() + 12, header.seq);
  put_u32(bytes.data() + 16, header.ack);
  append(out, bytes);
}

void append_udx_sack(Bytes& out, const UdxRange& block) {
  FixedBytes<kUdxSackBlockSize> bytes;
  put_u32(bytes.data(), block.begin);
  put_u32(bytes.data() + 4, block.end);
  append(out, bytes);
}

void set_udx_stream(MutableByteView packet, std::uint32_t stream) {
  CIP_ASSERT(packet.size() >= kUdxHeaderSize);
  put_u32(packet.data() + kStreamAt, stream);
}

}  // namespace cip::overlay
