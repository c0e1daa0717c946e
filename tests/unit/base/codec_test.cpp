#include "base/codec.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using test::Json;

namespace {

std::uint64_t number(const Json& value) {
  return value.is_string() ? std::stoull(value.get<std::string>()) : value.get<std::uint64_t>();
}

}  // namespace

TEST_CASE("uints of the DHT vectors encode and decode") {
  for (const auto& item : test::load_vectors("dht/encodings.json", "uint")) {
    Writer writer;
    writer.uint(number(item["value"]));
    CHECK(to_hex(writer.view()) == item["hex"].get<std::string>());
    CHECK(writer.size() == uint_size(number(item["value"])));
    Reader reader(writer.view());
    CHECK(reader.uint() == number(item["value"]));
    CHECK(reader.ok());
    CHECK(reader.remaining() == 0);
  }
}

TEST_CASE("every truncation of a uint fails and yields zero") {
  for (const auto* text : {"fdff", "feffffff", "ffffffffffffff00", ""}) {
    const auto bytes = test::hex_bytes(text);
    Reader reader(bytes);
    CHECK(reader.uint() == 0);
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("numbers above 2^53 - 1 are refused") {
  const auto bytes = test::hex_bytes("ff0000000000002000");
  Reader reader(bytes);
  reader.uint();
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a count that cannot fit into what is left is refused before anything is allocated") {
  Writer writer;
  writer.uint(kMaxArrayCount);
  writer.raw(Bytes(63));
  Reader reader(writer.view());
  CHECK(reader.count(6) == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a failed read makes all later reads fail") {
  const Bytes bytes{1, 2};
  Reader reader(bytes);
  reader.u32();
  CHECK(reader.u8() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a buffer longer than its bound is refused") {
  Writer writer;
  writer.buffer(Bytes(10));
  Reader strict(writer.view());
  strict.buffer(9);
  CHECK_FALSE(strict.ok());
  Reader fitting(writer.view());
  CHECK(fitting.buffer(10).size() == 10);
  CHECK(fitting.ok());
}

TEST_CASE("the primitive encodings of the feed vectors are read and written") {
  for (const auto& item : test::load_vectors("feeds/compact-encoding.json", "cases")) {
    const auto type = item["type"].get<std::string>();
    const auto& value = item["value"];
    const auto bytes = test::hex(item["hex"]);
    CAPTURE(type);
    CAPTURE(to_hex(bytes));
    Reader reader(bytes);
    Writer writer;
    if (type == "uint") {
      CHECK(reader.uint() == number(value));
      writer.uint(number(value));
    } else if (type == "uint16") {
      CHECK(reader.u16() == number(value));
      writer.u16(static_cast<std::uint16_t>(number(value)));
    } else if (type == "uint32") {
      CHECK(reader.u32() == number(value));
      writer.u32(static_cast<std::uint32_t>(number(value)));
    } else if (type == "uint64") {
      CHECK(reader.u64() == number(value));
      writer.u64(number(value));
    } else if (type == "int") {
      CHECK(reader.zigzag() == value.get<std::int64_t>());
      writer.zigzag(value.get<std::int64_t>());
    } else if (type == "bool") {
      CHECK(reader.boolean() == value.get<bool>());
      writer.boolean(value.get<bool>());
    } else if (type == "string") {
      CHECK(reader.string() == value.get<std::string>());
      writer.string(value.get<std::string>());
    } else if (type == "buffer" || type == "optionalBuffer") {
      CHECK(equal(reader.buffer(), test::hex(value)));
      writer.buffer(test::hex(value));
    } else if (type == "fixed32" || type == "fixed64" || type == "raw") {
      CHECK(equal(reader.take(bytes.size()), test::hex(value)));
      writer.raw(test::hex(value));
    } else {
      const std::size_t size = type == "array<fixed32>" ? 32 : type == "uint32array" ? 4 : 1;
      REQUIRE(reader.count(size) == value.size());
      writer.uint(value.size());
      for (const auto& element : value) {
        if (size == 32) {
          CHECK(reader.fixed32() == test::hex32(element));
          writer.raw(test::hex32(element));
        } else if (size == 4) {
          CHECK(reader.u32() == number(element));
          writer.u32(element.get<std::uint32_t>());
        } else {
          CHECK(reader.uint() == number(element));
          writer.uint(number(element));
        }
      }
    }
    CHECK(reader.ok());
    CHECK(to_hex(writer.view()) == item["hex"].get<std::string>());
  }
}

TEST_CASE("input that the peers refuse is refused, their long forms are accepted") {
  const auto vectors = test::load_vectors("feeds/compact-encoding.json");
  for (const auto& item : vectors["invalid"]) {
    const auto bytes = test::hex(item["hex"]);
    const auto type = item["type"].get<std::string>();
    CAPTURE(item["why"].get<std::string>());
    Reader reader(bytes);
    if (type == "uint") reader.uint();
    if (type == "buffer") reader.buffer();
    if (type == "fixed32") reader.fixed32();
    if (type == "array<uint>") reader.count(1);
    CHECK_FALSE(reader.ok());
  }
  for (const auto& item : vectors["nonMinimal"]) {
    const auto bytes = test::hex(item["hex"]);
    Reader reader(bytes);
    CHECK(reader.uint() == number(item["value"]));
    CHECK(reader.ok());
  }
}

TEST_CASE("addresses of the DHT vectors encode and decode") {
  for (const auto& item : test::load_vectors("dht/encodings.json", "ipv4Address")) {
    const Endpoint endpoint{*parse_ipv4(item["host"].get<std::string>()),
                            item["port"].get<std::uint16_t>()};
    Writer writer;
    writer.addr4(endpoint);
    CHECK(to_hex(writer.view()) == item["hex"].get<std::string>());
    Reader reader(writer.view());
    CHECK(reader.addr4() == endpoint);
  }
}
