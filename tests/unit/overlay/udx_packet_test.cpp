#include "overlay/transport/udx/packet.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;
using test::hex;
using test::hex_bytes;
using test::Json;
using test::load_vectors;

namespace {

std::uint8_t type_of(const Json& names) {
  const auto bits = load_vectors("udx/packets.json", "typeBits");
  int out = 0;
  for (const auto& name : names) out |= bits.at(name.get<std::string>()).get<int>();
  return static_cast<std::uint8_t>(out);
}

}  // namespace

TEST_CASE("packets of the published package decode to their fields, and encode to the same bytes") {
  std::size_t seen = 0;
  for (const auto& item : load_vectors("udx/packets.json", "packets")) {
    CAPTURE(item.at("what").get<std::string>());
    const auto bytes = hex(item.at("hex"));
    const auto& fields = item.at("fields");
    const auto packet = decode_udx_packet(bytes);
    REQUIRE(packet);
    CHECK_FALSE(packet->overrun);
    const auto& header = packet->header;
    CHECK(header.type == type_of(fields.at("type")));
    CHECK(header.offset == fields.at("offset").get<int>());
    CHECK(header.stream == fields.at("streamId").get<std::uint32_t>());
    CHECK(header.window == fields.at("window").get<std::uint32_t>());
    CHECK(header.seq == fields.at("seq").get<UdxSeq>());
    CHECK(header.ack == fields.at("ack").get<UdxSeq>());
    if (fields.at("payload").is_string()) {
      CHECK(equal(packet->payload, hex(fields.at("payload"))));
    } else {
      CHECK(packet->payload.size() == fields.at("payload").at("bytes").get<std::size_t>());
    }

    Bytes again;
    append_udx_header(again, header);
    if (fields.contains("sacks")) {
      REQUIRE(packet->sack_blocks() == fields.at("sacks").size());
      for (std::size_t i = 0; i < packet->sack_blocks(); ++i) {
        const auto& block = fields.at("sacks")[i];
        const UdxRange expected{block[0].get<UdxSeq>(), block[1].get<UdxSeq>()};
        CHECK(packet->sack_block(i) == expected);
        append_udx_sack(again, expected);
      }
    } else {
      CHECK(packet->area.size() == fields.at("padding").get<std::size_t>());
      again.resize(again.size() + packet->area.size());
    }
    append(again, packet->payload);
    CHECK(again == bytes);
    ++seen;
  }
  CHECK(seen > 30);
}

TEST_CASE("what is too short, or of another magic or version, is no UDX packet") {
  const auto good = hex_bytes("ff01010011111111000040000a00000000000000");
  REQUIRE(decode_udx_packet(good));
  CHECK_FALSE(decode_udx_packet(ByteView(good).first(19)));
  CHECK_FALSE(decode_udx_packet({}));
  auto magic = good;
  magic[0] = 0xfe;
  CHECK_FALSE(decode_udx_packet(magic));
  auto version = good;
  version[1] = 2;
  CHECK_FALSE(decode_udx_packet(version));
}

TEST_CASE("an offset behind the end leaves the header alone good") {
  const auto packet = decode_udx_packet(hex_bytes("ff01010911111111000040000a000000000000006a"));
  REQUIRE(packet);
  CHECK(packet->overrun);
  CHECK(packet->payload.empty());
  CHECK(packet->header.stream == 0x11111111);
}

TEST_CASE("a SACK area with an offset leaves room for data behind it") {
  const auto bytes = hex_bytes("ff01050811111111000040000400000000000000000000000100000065");
  const auto packet = decode_udx_packet(bytes);
  REQUIRE(packet);
  REQUIRE(packet->sack_blocks() == 1);
  CHECK(packet->sack_block(0) == UdxRange{0, 1});
  CHECK(text_of(packet->payload) == "e");
}

TEST_CASE("no more than 181 SACK blocks are read, and half of one is none") {
  Bytes bytes;
  append_udx_header(bytes, {.type = kUdxSack});
  for (UdxSeq seq = 0; seq < 400; seq += 2) append_udx_sack(bytes, {seq, seq + 1});
  CHECK(decode_udx_packet(bytes)->sack_blocks() == kUdxMaxSackRead);
  bytes.resize(kUdxHeaderSize + kUdxSackBlockSize + 7);
  CHECK(decode_udx_packet(bytes)->sack_blocks() == 1);
}

TEST_CASE("the receiver's id can be written into an encoded packet") {
  Bytes bytes;
  append_udx_header(bytes, {.stream = 1, .window = 2, .seq = 3, .ack = 4});
  set_udx_stream(bytes, 0xa1b2c3d4);
  const auto packet = decode_udx_packet(bytes);
  CHECK(packet->header.stream == 0xa1b2c3d4);
  CHECK(packet->header.window == 2);
}
