#include "overlay/transport/mux.hpp"

#include <doctest/doctest.h>

#include <string>

#include "base/codec.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;
using test::hex;
using test::hex_bytes;
using test::Json;
using test::load_vectors;

namespace {

class RecordingSink final : public FrameSink {
 public:
  bool send_frame(std::span<const ByteView> parts) override {
    Bytes frame;
    for (const auto part : parts) append(frame, part);
    frames.push_back(std::move(frame));
    return true;
  }
  std::vector<Bytes> take() { return std::exchange(frames, {}); }

  std::vector<Bytes> frames;
};

// One side, with its events as text: easy to compare, and owned.
struct Side {
  RecordingSink sink;
  Mux mux{sink};

  std::vector<std::string> events() {
    std::vector<std::string> out;
    while (const auto event = mux.poll_event()) out.push_back(text(*event));
    return out;
  }
  std::vector<std::string> receive(const std::vector<Bytes>& frames) {
    std::vector<std::string> out;
    for (const auto& frame : frames) {
      REQUIRE(mux.handle_frame(frame));
      for (auto& event : events()) out.push_back(std::move(event));
    }
    return out;
  }
  std::vector<Bytes> flush() {
    mux.flush();
    return sink.take();
  }

  static std::string text(const MuxEvent& event) {
    const auto s = [](ByteView bytes) { return std::string(text_of(bytes)); };
    if (const auto* e = std::get_if<ChannelRequested>(&event)) {
      return "requested " + std::to_string(e->remote_channel) + " " + std::string(e->protocol) +
             " " + s(e->id) + " " + s(e->handshake);
    }
    if (const auto* e = std::get_if<ChannelOpened>(&event)) {
      return "opened " + std::to_string(e->channel) + " " + std::string(e->protocol) + " " +
             s(e->id) + " " + s(e->handshake);
    }
    if (const auto* e = std::get_if<ChannelMessage>(&event)) {
      return "message " + std::to_string(e->channel) + " " + std::to_string(e->type) + " " +
             s(e->payload);
    }
    const auto& e = std::get<ChannelClosed>(event);
    return (e.rejected ? "rejected " : "closed ") + std::to_string(e.channel);
  }
};

using Texts = std::vector<std::string>;

Bytes string_message(std::string_view text) {
  Writer out;
  out.string(text);
  return out.take();
}

std::vector<Bytes> frames_of(const Json& vector, const char* side) {
  std::vector<Bytes> out;
  for (const auto& frame : vector[side]) out.push_back(hex(frame));
  return out;
}

Json vector_named(std::string_view name) {
  for (auto& vector : load_vectors("feeds/protomux.json", "cases")) {
    if (vector["name"] == name) return vector;
  }
  throw std::runtime_error("no such vector");
}

}  // namespace

TEST_CASE("opening on both sides writes and reads the recorded frames") {
  const auto vector = vector_named("open on both sides");
  Side a, b;
  std::vector<Bytes> from_a, from_b;
  const auto on_a = a.mux.open("proto", {}, {});
  for (auto& frame : a.flush()) from_a.push_back(frame);
  CHECK(b.receive(from_a) == Texts{"requested 1 proto  "});
  const auto on_b = b.mux.open("proto", {}, {});
  CHECK(b.events() == Texts{"opened 1 proto  "});
  for (auto& frame : b.flush()) from_b.push_back(frame);
  CHECK(a.receive(from_b) == Texts{"opened 1 proto  "});
  a.mux.send(on_a, 0, string_message("hi"));
  for (auto& frame : a.flush()) from_a.push_back(frame);
  CHECK(b.receive({from_a[1]}) == Texts{"message 1 0 \2hi"});
  b.mux.send(on_b, 1, string_message("yo"));
  for (auto& frame : b.flush()) from_b.push_back(frame);
  CHECK(from_a == frames_of(vector, "fromA"));
  CHECK(from_b == frames_of(vector, "fromB"));
}

TEST_CASE("ids and handshakes are written and read as recorded") {
  const auto vector = vector_named("open with id and handshake");
  Side a, b;
  const auto wire = frames_of(vector, "fromA")[0];
  Reader in(wire);
  in.take(wire.size() - 3);
  a.mux.open("hypercore/alpha", Bytes(32, 3), in.rest());
  CHECK(a.flush() == frames_of(vector, "fromA"));
  REQUIRE(b.mux.handle_frame(wire));
  const auto event = b.mux.poll_event();
  REQUIRE(event);
  const auto& request = std::get<ChannelRequested>(*event);
  CHECK(request.protocol == "hypercore/alpha");
  CHECK(equal(request.id, Bytes(32, 3)));
  CHECK(equal(request.handshake, in.rest()));
  b.mux.open(request.protocol, request.id, Bytes{7});
  CHECK(b.flush() == frames_of(vector, "fromB"));
}

TEST_CASE("a rejected open is written and reported as recorded") {
  const auto vector = vector_named("rejected open");
  Side a, b;
  const auto channel = a.mux.open("unknown", {}, {});
  const auto open = a.flush();
  CHECK(open == frames_of(vector, "fromA"));
  CHECK(b.receive(open) == Texts{"requested 1 unknown  "});
  b.mux.reject(1);
  const auto reject = b.flush();
  CHECK(reject == frames_of(vector, "fromB"));
  CHECK(a.receive(reject) == Texts{"rejected 1"});
  CHECK_FALSE(a.mux.has_channel(channel));
  CHECK(a.mux.channel_count() == 0);
  CHECK(a.mux.open("other", {}, {}) == channel);  // the number is used again
}

TEST_CASE("closing and opening again writes the recorded frames and uses the number again") {
  const auto vector = vector_named("close");
  Side a, b;
  std::vector<Bytes> from_a, from_b;
  const auto run = [&](Side& to, std::vector<Bytes> frames, std::vector<Bytes>& log) {
    for (const auto& frame : frames) log.push_back(frame);
    return to.receive(frames);
  };
  const auto first = a.mux.open("proto", {}, {});
  b.mux.open("proto", {}, {});
  CHECK(run(b, a.flush(), from_a) == Texts{"opened 1 proto  "});
  CHECK(run(a, b.flush(), from_b) == Texts{"opened 1 proto  "});
  a.mux.close(first);
  CHECK(run(b, a.flush(), from_a) == Texts{"closed 1"});
  a.mux.open("proto", {}, {});
  CHECK(run(b, a.flush(), from_a) == Texts{"requested 1 proto  "});
  b.mux.open("proto", {}, {});
  CHECK(run(a, b.flush(), from_b) == Texts{"opened 1 proto  "});
  CHECK(from_a == frames_of(vector, "fromA"));
  CHECK(from_b == frames_of(vector, "fromB"));
}

TEST_CASE("gathered messages leave as the recorded batch and arrive in order") {
  const auto vector = vector_named("batch");
  Side a, b;
  std::vector<Bytes> from_a;
  const auto one = a.mux.open("one", {}, {});
  for (auto& frame : a.flush()) from_a.push_back(frame);
  const auto two = a.mux.open("two", {}, {});
  for (auto& frame : a.flush()) from_a.push_back(frame);
  b.mux.open("one", {}, {});
  b.mux.open("two", {}, {});
  a.receive(b.flush());
  b.receive(from_a);

  a.mux.send(one, 0, string_message("x"));
  a.mux.send(one, 1, hex_bytes("fdf401"));
  a.mux.send(two, 0, string_message("y"));
  a.mux.send(one, 0, string_message("z"));
  a.mux.close(two);
  const auto batch = a.flush();
  REQUIRE(batch.size() == 1);
  from_a.push_back(batch[0]);
  CHECK(from_a == frames_of(vector, "fromA"));
  CHECK(b.receive(batch) == Texts{"message 1 0 \1x", "message 1 1 \xfd\xf4\x01", "message 2 0 \1y",
                                  "message 1 0 \1z", "closed 2"});
}

TEST_CASE("both opens in flight match, and the numbers of the sides may differ") {
  Side a, b;
  a.mux.open("other", {}, {});
  const auto on_a = a.mux.open("feed", Bytes{'i'}, Bytes{'A'});
  const auto on_b = b.mux.open("feed", Bytes{'i'}, Bytes{'B'});
  CHECK(on_a == 2);
  CHECK(on_b == 1);
  const auto from_a = a.flush(), from_b = b.flush();
  CHECK(a.receive(from_b) == Texts{"opened 2 feed i B"});
  CHECK(b.receive(from_a) == Texts{"requested 1 other  ", "opened 1 feed i A"});
  a.mux.send(on_a, 3, bytes_of("to b"));
  b.mux.send(on_b, 4, bytes_of("to a"));
  CHECK(b.receive(a.flush()) == Texts{"message 1 3 to b"});
  CHECK(a.receive(b.flush()) == Texts{"message 2 4 to a"});
}

TEST_CASE("several channels of one pair match in order of opening") {
  Side a, b;
  for (const char* handshake : {"1", "2", "3"}) a.mux.open("p", {}, bytes_of(handshake));
  CHECK(b.receive(a.flush()).size() == 3);
  for (const char* handshake : {"x", "y"}) b.mux.open("p", {}, bytes_of(handshake));
  CHECK(b.events() == Texts{"opened 1 p  1", "opened 2 p  2"});
  b.mux.reject(3);
  CHECK(a.receive(b.flush()) == Texts{"opened 1 p  x", "opened 2 p  y", "rejected 3"});
}

TEST_CASE("an alias counts as the name it stands for") {
  Side a, b;
  RecordingSink sink;
  Mux stock(sink, {});
  stock.open("hypercore", Bytes{'k'}, {});
  stock.flush();
  CHECK(b.receive(sink.frames) == Texts{"requested 1 hypercore/alpha k "});
  b.mux.open("hypercore/alpha", Bytes{'k'}, {});
  CHECK(b.events() == Texts{"opened 1 hypercore/alpha k "});
  a.mux.open("hypercore", Bytes{'k'}, {});
  CHECK(text_of(a.flush().at(0)).find("hypercore/alpha") != std::string_view::npos);
}

TEST_CASE("messages sent right after an own open wait for the other side's decision") {
  Side a, b;
  const auto channel = a.mux.open("p", {}, bytes_of("h"));
  a.mux.send(channel, 0, bytes_of("first"));
  a.mux.send(channel, 1, bytes_of("second"));
  CHECK(b.receive(a.flush()) == Texts{"requested 1 p  h"});
  b.mux.open("p", {}, {});
  CHECK(b.events() == Texts{"opened 1 p  h", "message 1 0 first", "message 1 1 second"});
  a.mux.send(channel, 2, bytes_of("third"));
  CHECK(b.receive(a.flush()) == Texts{"message 1 2 third"});
}

TEST_CASE("messages for a rejected channel are dropped, and nothing waits any more") {
  Side a, b;
  const auto channel = a.mux.open("p", {}, {});
  a.mux.send(channel, 0, Bytes(7000));
  b.receive(a.flush());
  b.mux.reject(1);
  a.mux.send(channel, 0, bytes_of("late"));
  CHECK(b.receive(a.flush()).empty());
  CHECK_FALSE(b.mux.wants_pause());
  CHECK(a.receive(b.flush()) == Texts{"rejected 1"});
}

TEST_CASE("undecided messages above 32768 units ask for a pause until the decision") {
  Side a, b;
  const auto channel = a.mux.open("p", {}, {});
  for (int i = 0; i < 60; ++i) a.mux.send(channel, 0, Bytes(50));
  b.receive(a.flush());
  CHECK(b.mux.wants_pause());
  b.mux.open("p", {}, {});
  CHECK_FALSE(b.mux.wants_pause());
  CHECK(b.events().size() == 61);
}

TEST_CASE("undecided messages have a hard bound") {
  Side a, b;
  a.mux.open("p", {}, {});
  b.receive(a.flush());
  Bytes frame{1, 0};
  frame.resize(1024 * 1024);
  Result<void> last;
  std::size_t accepted = 0;
  for (; accepted < 100 && last; ++accepted) last = b.mux.handle_frame(frame);
  CHECK(last == fail(overlay::StreamErrc::too_much_buffered));
  CHECK(accepted == 20);
}

TEST_CASE("a number closed before the other side's open stays reserved until that comes") {
  Side a, b;
  const auto first = a.mux.open("p", {}, {});
  a.mux.close(first);
  CHECK(a.mux.open("q", {}, {}) == 2);
  const auto crossing = [&] {
    b.mux.open("p", {}, {});
    return b.flush();
  }();
  const auto from_a = a.flush();
  CHECK(a.receive(crossing).empty());   // its answer: both forget the channel
  CHECK(a.mux.open("r", {}, {}) == 1);  // and the number is free again
  CHECK(b.receive(from_a) == Texts{"opened 1 p  ", "closed 1", "requested 2 q  "});
}

TEST_CASE("a request that is closed before the decision frees its number and is not reported") {
  Side a, b;
  const auto channel = a.mux.open("p", {}, {});
  a.mux.close(channel);
  CHECK(b.receive(a.flush()).empty());
  CHECK(a.receive(b.flush()).empty());
  CHECK(a.mux.open("q", {}, {}) == channel);
}

TEST_CASE("a decision that comes after the request was withdrawn is an own open") {
  Side a, b;
  const auto channel = a.mux.open("p", {}, {});
  CHECK(b.receive(a.flush()).size() == 1);
  a.mux.close(channel);
  CHECK(b.receive(a.flush()).empty());
  b.mux.reject(1);  // too late, and harmless
  b.mux.open("p", {}, {});
  CHECK(b.events().empty());
  CHECK(a.receive(b.flush()) == Texts{"requested 1 p  "});
}

TEST_CASE("nothing of a channel is reported after its own close") {
  Side a, b;
  a.mux.open("p", {}, {});
  const auto on_b = b.mux.open("p", {}, {});
  a.receive(b.flush());
  b.receive(a.flush());
  Bytes batch{0, 0, 1};
  for (int i = 0; i < 3; ++i) append(batch, Bytes{2, 0, 'm'});
  REQUIRE(b.mux.handle_frame(batch));
  CHECK(std::holds_alternative<ChannelMessage>(*b.mux.poll_event()));
  b.mux.close(on_b);
  const auto again = b.mux.open("p", {}, {});
  CHECK(again == on_b);
  CHECK(b.events().empty());
}

TEST_CASE("a number is not used again before its close was polled") {
  Side a, b;
  const auto on_a = a.mux.open("p", {}, {});
  b.mux.open("p", {}, {});
  a.receive(b.flush());
  b.receive(a.flush());
  a.mux.close(on_a);
  for (const auto& frame : a.flush()) REQUIRE(b.mux.handle_frame(frame));
  CHECK(b.mux.open("q", {}, {}) == 2);
  b.mux.send(1, 0, bytes_of("lost"));
  CHECK(b.events() == Texts{"closed 1"});
  CHECK(b.mux.open("r", {}, {}) == 1);
}

TEST_CASE("large payloads go alone, behind what was gathered, and are not touched") {
  Side a, b;
  const auto channel = a.mux.open("p", {}, {});
  b.mux.open("p", {}, {});
  b.receive(a.flush());
  a.receive(b.flush());
  a.mux.send(channel, 0, bytes_of("small"));
  a.mux.send(channel, 1, bytes_of("head"), Bytes(70000, 't'));
  const auto frames = a.flush();
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].size() == 2 + 4 + 70000);
  CHECK(b.receive(frames) ==
        Texts{"message 1 0 small", "message 1 1 head" + std::string(70000, 't')});
}

TEST_CASE("many small messages leave in batches of about 64 KiB") {
  Side a, b;
  const auto channel = a.mux.open("p", {}, {});
  b.mux.open("p", {}, {});
  b.receive(a.flush());
  a.receive(b.flush());
  for (int i = 0; i < 2000; ++i) a.mux.send(channel, 0, Bytes(100, 'x'));
  const auto frames = a.flush();
  CHECK(frames.size() == 4);
  for (const auto& frame : frames) CHECK(frame.size() <= kBatchSize + 16);
  CHECK(b.receive(frames).size() == 2000);
}

TEST_CASE("frames that break the rules end the stream") {
  const auto error = [](std::string_view frame) {
    Side side;
    side.mux.open("p", {}, {});
    const auto done = side.mux.handle_frame(hex_bytes(frame));
    return done ? std::error_code{} : done.error();
  };
  CHECK(error("fd") == overlay::StreamErrc::malformed_message);
  CHECK(error("00") == overlay::StreamErrc::malformed_message);
  CHECK(error("0001") == overlay::StreamErrc::malformed_message);
  CHECK(error("00010105") == overlay::StreamErrc::malformed_message);
  CHECK(error("0001020170"
              "00") == overlay::StreamErrc::bad_channel_number);      // 2 before 1
  CHECK(error("000202") == overlay::StreamErrc::bad_channel_number);  // never opened
  CHECK(error("000200") == overlay::StreamErrc::bad_channel_number);
  CHECK(error("000001050000") == overlay::StreamErrc::malformed_message);  // item beyond the batch
  CHECK(error("0000000400010000") == overlay::StreamErrc::malformed_message);  // batch in a batch
  CHECK_FALSE(error("0007ffff"));  // unknown control type
  CHECK_FALSE(error("0500"));      // unknown channel
  CHECK_FALSE(error("000300"));
  CHECK_FALSE(error("000309"));
}

TEST_CASE("opening a number that is in use ends the stream") {
  Side side;
  REQUIRE(side.mux.handle_frame(hex_bytes("000101017000")));
  CHECK(side.mux.handle_frame(hex_bytes("000101017100")) ==
        fail(overlay::StreamErrc::bad_channel_number));
}

TEST_CASE("channels above the bound are rejected, and numbers far above it end the stream") {
  Side side;
  Result<void> last;
  std::uint32_t number = 0;
  while (last) {
    Writer open;
    open.uint(0);
    open.uint(1);
    open.uint(++number);
    open.string(std::to_string(number));
    open.buffer({});
    last = side.mux.handle_frame(open.view());
    side.events();
  }
  CHECK(number == 2 * kMaxChannels + 1);
  side.mux.flush();
  CHECK_FALSE(side.sink.frames.empty());
}

TEST_CASE("random frames never do more than end the stream") {
  SeededRandom random(7);
  for (int run = 0; run < 300; ++run) {
    Side side;
    side.mux.open("p", {}, {});
    for (int i = 0; i < 50; ++i) {
      Bytes frame(random.below(24));
      random.fill(frame);
      for (auto& byte : frame) byte &= 0x07;
      if (!side.mux.handle_frame(frame)) break;
      while (const auto event = side.mux.poll_event()) {
        if (const auto* request = std::get_if<ChannelRequested>(&*event)) {
          if (random.below(2) == 0) {
            side.mux.open(request->protocol, request->id, {});
          } else {
            side.mux.reject(request->remote_channel);
          }
        }
        if (const auto* message = std::get_if<ChannelMessage>(&*event)) {
          if (random.below(4) == 0) side.mux.close(message->channel);
        }
      }
      side.mux.flush();
    }
  }
}
