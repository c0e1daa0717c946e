#include "overlay/hello_payload.hpp"

#include <doctest/doctest.h>

#include <cstdio>

#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;
using test::hex;
using test::hex32;
using test::Json;
using test::load_vectors;

namespace {

Endpoint endpoint(const Json& json) {
  return {*parse_ipv4(json["host"].get<std::string>()), json["port"].get<std::uint16_t>()};
}
std::vector<Endpoint> endpoints(const Json& json) {
  std::vector<Endpoint> out;
  for (const auto& item : json) out.push_back(endpoint(item));
  return out;
}
// Hosts in the vectors are written with all eight groups.
std::vector<Endpoint6> endpoints6(const Json& json) {
  std::vector<Endpoint6> out;
  for (const auto& item : json) {
    unsigned g[8];
    const auto host = item["host"].get<std::string>();
    REQUIRE(std::sscanf(host.c_str(), "%x:%x:%x:%x:%x:%x:%x:%x", &g[0], &g[1], &g[2], &g[3], &g[4],
                        &g[5], &g[6], &g[7]) == 8);
    Endpoint6 address;
    address.port = item["port"].get<std::uint16_t>();
    for (std::size_t i = 0; i < 8; ++i) {
      address.ip[2 * i] = static_cast<std::uint8_t>(g[i] >> 8);
      address.ip[2 * i + 1] = static_cast<std::uint8_t>(g[i]);
    }
    out.push_back(address);
  }
  return out;
}

HelloPayload payload_of(const Json& json) {
  HelloPayload out;
  out.error = json["error"].get<std::uint64_t>();
  out.firewall = json["firewall"].get<std::uint64_t>();
  if (const auto& holepunch = json["holepunch"]; !holepunch.is_null()) {
    out.holepunch.emplace().id = holepunch["id"].get<std::uint64_t>();
    for (const auto& relay : holepunch["relays"]) {
      out.holepunch->relays.push_back(
          {endpoint(relay["relayAddress"]), endpoint(relay["peerAddress"])});
    }
  }
  out.addresses4 = endpoints(json["addresses4"]);
  out.addresses6 = endpoints6(json["addresses6"]);
  if (const auto& udx = json["udx"]; !udx.is_null()) {
    out.udx = UdxInfo{udx["reusableSocket"].get<bool>(), udx["id"].get<std::uint64_t>(),
                      udx["seq"].get<std::uint64_t>()};
  }
  out.secret_stream = !json["secretStream"].is_null();
  if (const auto& through = json["relayThrough"]; !through.is_null()) {
    out.relay_through = RelayThrough{hex32(through["publicKey"]), hex32(through["token"])};
  }
  if (!json["relayAddresses"].is_null()) out.relay_addresses = endpoints(json["relayAddresses"]);
  return out;
}

TcpTrailer trailer_of(const Json& entries) {
  return {entries["capabilities"].get<std::uint64_t>(), endpoints(entries["tcp4"]),
          endpoints6(entries["tcp6"])};
}

}  // namespace

TEST_CASE("hello payloads encode to the recorded bytes and decode from them") {
  for (const auto& vector : load_vectors("dht/noise-payload.json", "payloads")) {
    const auto payload = payload_of(vector["payload"]);
    CHECK(encode_hello_payload(payload) == hex(vector["hex"]));
    CHECK(decode_hello_payload(hex(vector["hex"])) == payload);
  }
}

TEST_CASE("the TCP trailer is written behind the known fields and found from the end") {
  for (const auto& vector : load_vectors("dht/extension-tcp.json", "payloads")) {
    auto payload = decode_hello_payload(hex(vector["base"]));
    REQUIRE(payload);
    CHECK_FALSE(payload->tcp);
    payload->tcp = trailer_of(vector["entries"]);
    CHECK(encode_hello_payload(*payload) == hex(vector["hex"]));
    CHECK(decode_hello_payload(hex(vector["hex"])) == payload);
  }
}

TEST_CASE("fields that a later stock version adds in front of the trailer do no harm") {
  const auto vector = load_vectors("dht/extension-tcp.json", "payloads")[0];
  auto bytes = hex(vector["base"]);
  append(bytes, Bytes{1, 2, 3, 4, 5, 6, 7});
  append(bytes, hex(vector["trailer"]));
  const auto payload = decode_hello_payload(bytes);
  REQUIRE(payload);
  CHECK(payload->tcp == trailer_of(vector["entries"]));
}

TEST_CASE("unknown trailer entries are skipped") {
  // type 9 with two bytes, then capabilities 1
  auto bytes = test::hex_bytes(
      "01000000"
      "0902aabb"
      "010101"
      "0700");
  append(bytes, bytes_of("cipnode"));
  bytes.push_back(1);
  const auto payload = decode_hello_payload(bytes);
  REQUIRE(payload);
  REQUIRE(payload->tcp);
  CHECK(payload->tcp->capabilities == 1);
}

TEST_CASE("a trailer that does not parse counts as absent") {
  const auto good = load_vectors("dht/extension-tcp.json", "payloads")[0];
  const auto decode_with = [&](std::size_t position, std::uint8_t value) {
    auto bytes = hex(good["hex"]);
    bytes[position] = value;
    const auto payload = decode_hello_payload(bytes);
    REQUIRE(payload);
    return payload->tcp;
  };
  const auto size = hex(good["hex"]).size();
  CHECK(decode_with(4, 1));                 // unchanged
  CHECK_FALSE(decode_with(size - 1, 2));    // another magic
  CHECK_FALSE(decode_with(size - 10, 99));  // longer than what is there
  CHECK_FALSE(decode_with(5, 200));         // an entry beyond the entries
  CHECK_FALSE(decode_with(8, 5));           // endpoints that are not 6 bytes each
}

TEST_CASE("a payload of another version is not read further") {
  const auto payload = decode_hello_payload(Bytes{2, 0xff, 0xff});
  REQUIRE(payload);
  CHECK(payload->version == 2);
}

TEST_CASE("a payload cut short is refused") {
  for (const auto& vector : load_vectors("dht/noise-payload.json", "payloads")) {
    const auto bytes = hex(vector["hex"]);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK_FALSE(decode_hello_payload(ByteView(bytes).first(size)));
    }
  }
}
