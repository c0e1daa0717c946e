#include "dht/message.hpp"

#include <doctest/doctest.h>

#include "base/random.hpp"
#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;

namespace {

Request request_of(const test::Json& vector) {
  Request out;
  out.tid = vector.at("tid").get<Tid>();
  out.to = test::endpoint_of(vector.at("to"));
  if (const auto id = test::maybe_hex32(vector.at("id"))) out.id = NodeId{*id};
  out.token = test::maybe_hex32(vector.at("token"));
  out.internal = vector.at("internal").get<bool>();
  out.command = vector.at("command").get<std::uint64_t>();
  out.target = test::maybe_hex32(vector.at("target"));
  out.value = test::maybe_hex(vector.at("value"));
  return out;
}

Reply full_reply() {
  Reply reply;
  reply.tid = 0xfffe;
  reply.to = {0x7f000001, 49737};
  reply.id = NodeId{Bytes32{1}};
  reply.token = Bytes32{2};
  for (std::uint16_t port = 1; port <= 20; ++port) reply.closer.push_back({0x0a000001, port});
  reply.error = 253;
  reply.value = Bytes(300, 7);
  return reply;
}

}  // namespace

TEST_CASE("requests have the bytes of the stock encoder") {
  for (const auto& vector : test::load_vectors("dht/requests.json", "requests")) {
    CAPTURE(vector.at("what").get<std::string>());
    const auto request = request_of(vector);
    const auto bytes = test::hex(vector.at("hex"));
    CHECK(encode_message(request) == bytes);
    CHECK(encoded_size(request) == bytes.size());
    CHECK(decode_message(bytes) == Message{request});
  }
}

TEST_CASE("replies of the stock encoder survive decoding and encoding") {
  for (const auto& vector : test::load_vectors("dht/responses.json", "responses")) {
    CAPTURE(vector.at("what").get<std::string>());
    const auto request = decode_message(test::hex(vector.at("request")));
    const auto bytes = test::hex(vector.at("hex"));
    const auto message = decode_message(bytes);
    REQUIRE(request);
    REQUIRE(message);
    const auto& reply = std::get<Reply>(*message);
    CHECK(reply.tid == std::get<Request>(*request).tid);
    CHECK(reply.to == test::endpoint_of(vector.at("sentTo")));
    CHECK(reply.id.has_value() ==
          (vector.at("persistent").get<bool>() && vector.at("receivedOn") == "server"));
    CHECK(encode_message(*message) == bytes);
    CHECK(encoded_size(reply) == bytes.size());
  }
}

TEST_CASE("a full reply survives encoding, and no shortened one decodes") {
  const auto reply = full_reply();
  const auto bytes = encode_message(reply);
  CHECK(bytes.size() == encoded_size(reply));
  CHECK(decode_message(bytes) == Message{reply});
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(decode_message(ByteView(bytes).first(n)));
  }
}

TEST_CASE("an absent value and an empty one differ") {
  Reply reply;
  const auto absent = encode_message(reply);
  reply.value = Bytes{};
  const auto empty = encode_message(reply);
  CHECK(absent != empty);
  CHECK(std::get<Reply>(*decode_message(empty)).value == Bytes{});
}

TEST_CASE("trailing bytes and unknown flags are ignored") {
  Request request;
  request.internal = true;
  request.command = 2;
  auto bytes = encode_message(request);
  const auto plain = decode_message(bytes);
  bytes.push_back(0xee);
  bytes[1] |= 0x60;
  CHECK(decode_message(bytes) == plain);
}

TEST_CASE("other versions, types and absurd counts are not messages") {
  auto bytes = encode_message(full_reply());
  for (const int type : {0x00, 0x02, 0x04, 0x23, 0xff}) {
    bytes[0] = static_cast<std::uint8_t>(type);
    CHECK_FALSE(decode_message(bytes));
  }
  // A reply that promises 2^32 - 1 closer nodes.
  const auto promise = test::hex_bytes("13040000000000000000feffffffff");
  CHECK_FALSE(decode_message(promise));
}

TEST_CASE("what decodes from noise encodes to what decodes the same") {
  SeededRandom random(11);
  int decoded = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes(random.below(120));
    random.fill(bytes);
    if (bytes.size() >= 2) {
      bytes[0] = i % 2 == 0 ? 0x03 : 0x13;
      bytes[1] &= 0x1f;
    }
    const auto message = decode_message(bytes);
    if (!message) continue;
    ++decoded;
    CHECK(decode_message(encode_message(*message)) == message);
  }
  CHECK(decoded > 1000);
}

TEST_CASE("the first bytes tell what a datagram claims to be") {
  const auto kind = [](const char* hex) { return classify_datagram(test::hex_bytes(hex)); };
  CHECK(kind("") == DatagramKind::unknown);
  CHECK(kind("00") == DatagramKind::probe);
  CHECK(kind("0300") == DatagramKind::request);
  CHECK(kind("1300") == DatagramKind::reply);
  CHECK(kind("0400") == DatagramKind::unknown);
  CHECK(kind("ff01000000000000000000000000000000000000") == DatagramKind::udx);
  CHECK(kind("ff010000") == DatagramKind::unknown);
}
