#include "overlay/punch/message.hpp"

#include <doctest/doctest.h>

#include "dht/message.hpp"
#include "dht/payloads.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;
using test::hex;
using test::hex32;
using test::Json;
using test::load_vectors;

namespace {

Endpoint endpoint_of(const Json& json) {
  if (json.is_string()) return *parse_endpoint(json.get<std::string>());
  return {*parse_ipv4(json["host"].get<std::string>()), json["port"].get<std::uint16_t>()};
}

PunchMessage message_of(const Json& json) {
  PunchMessage out;
  out.error = json["error"].get<std::uint64_t>();
  out.firewall = json["firewall"].get<std::uint64_t>();
  out.round = json["round"].get<std::uint64_t>();
  out.connected = json["connected"].get<bool>();
  out.punching = json["punching"].get<bool>();
  if (!json["addresses"].is_null()) {
    for (const auto& address : json["addresses"]) out.addresses.push_back(endpoint_of(address));
  }
  if (const auto& address = json["remoteAddress"]; !address.is_null()) {
    out.remote_address = endpoint_of(address);
  }
  if (!json["token"].is_null()) out.token = hex32(json["token"]);
  if (!json["remoteToken"].is_null()) out.remote_token = hex32(json["remoteToken"]);
  return out;
}

// Gives these bytes in place of random ones.
class Fixed final : public Random {
 public:
  explicit Fixed(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(MutableByteView out) override {
    REQUIRE(out.size() == bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), out.begin());
  }

 private:
  Bytes bytes_;
};

}  // namespace

TEST_CASE("holepunch messages are sealed and opened with the bytes of the stock peer") {
  const auto all = load_vectors("dht/holepunch.json");
  const auto key = hex32(all["holepunchSecret"]);
  Bytes64 hash{};
  const auto bytes = hex(all["handshakeHash"]);
  std::copy(bytes.begin(), bytes.end(), hash.begin());
  CHECK(punch_key(hash) == key);
  std::size_t compared = 0;
  for (const auto& vector : all["payloads"]) {
    CAPTURE(vector["what"].get<std::string>());
    const auto message = message_of(vector["payload"]);
    CHECK(encode_punch_message(message) == hex(vector["plain"]));
    CHECK(decode_punch_message(hex(vector["plain"])) == message);
    Fixed nonce(hex(vector["nonce"]));
    CHECK(seal_punch_message(message, key, nonce) == hex(vector["sealed"]));
    CHECK(open_punch_message(hex(vector["sealed"]), key) == message);
    ++compared;
  }
  CHECK(compared == 5);
}

TEST_CASE("the holepunch messages of two stock peers are understood") {
  std::size_t compared = 0;
  for (const auto* name : {"fastOpen", "twoRounds"}) {
    const auto punch = load_vectors("udx/punch.json")[name];
    const auto key = hex32(punch["keys"]["holepunchSecret"]);
    for (const auto& datagram : punch["datagrams"]) {
      if (datagram["kind"] != "holepunch") continue;
      const auto request = std::get<dht::Request>(*dht::decode_message(hex(datagram["hex"])));
      const auto value = dht::decode_holepunch(*request.value);
      REQUIRE(value.has_value());
      CHECK(open_punch_message(value->payload, key) == message_of(datagram["payload"]));
      ++compared;
    }
  }
  CHECK(compared == 6);
}

TEST_CASE("a holepunch message that is cut short, too long, or sealed otherwise is refused") {
  SeededRandom random(1);
  PunchMessage message;
  message.addresses.assign(kMaxPunchAddresses, {0x01020304, 5});
  message.token = random.bytes<32>();
  const auto plain = encode_punch_message(message);
  CHECK(decode_punch_message(plain) == message);
  for (std::size_t size = 0; size < plain.size(); ++size) {
    CHECK_FALSE(decode_punch_message(ByteView(plain).first(size)));
  }
  const auto key = random.bytes<32>();
  auto sealed = seal_punch_message(message, key, random);
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    CHECK_FALSE(open_punch_message(ByteView(sealed).first(size), key));
  }
  CHECK_FALSE(open_punch_message(sealed, random.bytes<32>()));
  sealed.back() ^= 1;
  CHECK_FALSE(open_punch_message(sealed, key));
  message.addresses.push_back({0x01020304, 6});
  CHECK_FALSE(decode_punch_message(encode_punch_message(message)));
}

TEST_CASE("a token is good for one address and one attempt") {
  SeededRandom random(2);
  const auto secret = random.bytes<32>();
  CHECK(punch_token(secret, 1) == punch_token(secret, 1));
  CHECK(punch_token(secret, 1) != punch_token(secret, 2));
  CHECK(punch_token(random.bytes<32>(), 1) != punch_token(secret, 1));
}
