#include "node/frame.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

using namespace cip;
using namespace cip::node;

TEST_CASE("frames are a length, a type and a body") {
  CHECK(to_hex(encode_json_frame("{}")) == "03000000017b7d");
  CHECK(to_hex(encode_bytes_frame(7, bytes_of("ab"))) == "0700000002070000006162");
}

TEST_CASE("frames come out as they went in, however the bytes are cut") {
  Bytes stream = encode_json_frame("{\"a\":1}");
  append(stream, encode_bytes_frame(9, bytes_of("xyz")));
  append(stream, encode_bytes_frame(10, {}));
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      reader.feed(ByteView(stream).subspan(at, std::min(step, stream.size() - at)));
      while (auto frame = reader.next()) frames.push_back(std::move(*frame));
    }
    REQUIRE(frames.size() == 3);
    CHECK(frames[0].type == FrameType::json);
    CHECK(text_of(frames[0].body) == "{\"a\":1}");
    CHECK(frames[1].request == 9);
    CHECK(text_of(frames[1].body) == "xyz");
    CHECK(frames[2].body.empty());
    CHECK_FALSE(reader.failed());
  }
}

TEST_CASE("a frame that is too long, empty, cut short or of an unknown type fails the stream") {
  for (const char* hex : {"01008000"
                          "01",
                          "00000000", "0300000002aabb", "0200000003aa"}) {
    FrameReader reader;
    reader.feed(*from_hex(hex));
    CHECK_FALSE(reader.next());
    CHECK(reader.failed());
    reader.feed(encode_json_frame("{}"));
    CHECK_FALSE(reader.next());
  }
}
