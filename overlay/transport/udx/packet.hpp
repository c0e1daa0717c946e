#pragma once

// UDX packets as bytes (udx.md 2). All integers are little endian.
//
//    0  ff, version 01          8  receive window, bytes
//    2  type bits              12  sequence number
//    3  offset                 16  acknowledgement: the next number expected
//    4  stream id              20  `offset` bytes of padding, or SACK blocks; then the payload

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "overlay/transport/udx/sequence.hpp"

namespace cip::overlay {

inline constexpr std::size_t kUdxHeaderSize = 20;
// Blocks of one SACK: what is sent, and what is read, all that fit 1472 bytes (udx.md 13).
inline constexpr std::size_t kUdxMaxSackSent = 50;
inline constexpr std::size_t kUdxMaxSackRead = 181;
inline constexpr std::size_t kUdxSackBlockSize = 8;

// Type bits, frozen; none of them is a plain ACK. Unknown ones are ignored.
enum UdxType : std::uint8_t {
  kUdxData = 1,
  kUdxEnd = 2,
  kUdxSack = 4,
  kUdxMessage = 8,
  kUdxDestroy = 16,
  kUdxHeartbeat = 32,
};

struct UdxHeader {
  std::uint8_t type = 0;
  std::uint8_t offset = 0;
  std::uint32_t stream = 0;
  std::uint32_t window = 0;
  UdxSeq seq = 0;
  UdxSeq ack = 0;
};

// A packet as it came; views are into the datagram.
struct UdxPacket {
  UdxHeader header;
  bool overrun = false;  // `offset` lies behind the end: only the header is good
  ByteView area;         // padding, or the SACK blocks
  ByteView payload;

  bool is(std::uint8_t types) const { return (header.type & types) != 0; }
  std::size_t sack_blocks() const;
  UdxRange sack_block(std::size_t index) const;
};

// None: too short, or not of this magic and version. It is for somebody else then.
std::optional<UdxPacket> decode_udx_packet(ByteView datagram);

// The header alone; area and payload are appended by the caller.
void append_udx_header(Bytes& out, const UdxHeader& header);
void append_udx_sack(Bytes& out, const UdxRange& block);
// Writes another receiver into a packet that is encoded already.
void set_udx_stream(MutableByteView packet, std::uint32_t stream);

}  // namespace cip::overlay
