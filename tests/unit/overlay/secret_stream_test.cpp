#include "overlay/transport/secret_stream.hpp"

#include <doctest/doctest.h>

#include "tests/support/vectors.hpp"
#include "tests/unit/overlay/scripted_random.hpp"
#include "tests/unit/overlay/stream_pair.hpp"

using namespace cip;
using namespace cip::overlay;
using namespace std::chrono_literals;
using test::at;
using test::hex;
using test::hex32;
using test::hex64;
using test::Json;
using test::ListedHellos;
using test::load_vectors;
using test::ScriptedRandom;
using test::StreamEnd;

namespace {

Bytes framed(ByteView body) {
  Bytes out{static_cast<std::uint8_t>(body.size()), static_cast<std::uint8_t>(body.size() >> 8),
            static_cast<std::uint8_t>(body.size() >> 16)};
  append(out, body);
  return out;
}

// An XX dialler and an XX listener, not connected yet.
struct XxPair {
  SeededRandom random{1};
  ListedHellos none;
  KeyPair dialler_key = make_key_pair(Bytes32{1});
  KeyPair listener_key = make_key_pair(Bytes32{2});
  StreamEnd dialler{SecretStream::dial_xx(at({}), dialler_key, random)};
  StreamEnd listener{SecretStream::accept(at({}), listener_key, none, random)};
};

struct OpenXxPair : XxPair {
  OpenXxPair() {
    test::exchange(dialler, listener, random);
    REQUIRE(dialler.stream.is_open());
    REQUIRE(listener.stream.is_open());
  }
};

Bytes pattern(std::size_t size, unsigned seed) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + seed + i / 256);
  return out;
}

// One end of a recorded session: given the other side's bytes, it must write the recorded ones.
void replay(const Json& session, const std::string& me) {
  const bool initiator = me == "initiator";
  Bytes script = hex(session[me + "EphemeralSeed"]);
  append(script, hex(session[me + "Header"]));
  ScriptedRandom random(script);
  ListedHellos none;
  const auto key = make_key_pair(hex32(session[me + "StaticSeed"]));
  StreamEnd end(initiator ? SecretStream::dial_xx(at({}), key, random)
                          : SecretStream::accept(at({}), key, none, random));
  Bytes expected;
  for (const auto& piece : session["raw"]) {
    if (piece["from"] == me) {
      append(expected, hex(piece["bytes"]));
    } else {
      end.feed(hex(piece["bytes"]));
    }
  }
  REQUIRE(end.opened == 1);
  CHECK_FALSE(end.closed);
  CHECK(end.stream.handshake_hash() == hex64(session["handshakeHash"]));

  Bytes written = end.output();
  std::vector<Bytes> received;
  for (const auto& frame : session["frames"]) {
    const auto plaintext = hex(frame["plaintext"]);
    if (frame["from"] == me) {
      CHECK(end.stream.send(plaintext));
    } else {
      received.push_back(plaintext);
    }
  }
  append(written, end.output());
  CHECK(end.messages == received);
  CHECK(written == expected);
}

}  // namespace

TEST_CASE("each end of the sessions recorded from the published packages is reproduced") {
  for (const auto& session : load_vectors("feeds/sessions.json", "sessions")) {
    CAPTURE(session["name"].get<std::string>());
    replay(session, "initiator");
    replay(session, "responder");
  }
}

TEST_CASE("messages are sealed and opened as recorded") {
  const auto check = [](const Bytes32& key, const StreamHeader& header, const Json& frames,
                        const char* plain, const char* wire) {
    MessageSealer sealer(key, header);
    MessageOpener opener(key, header);
    for (const auto& frame : frames) {
      const auto plaintext = hex(frame[plain]);
      Bytes body(plaintext.size() + kMessageOverhead);
      std::copy(plaintext.begin(), plaintext.end(), body.begin() + 1);
      sealer.seal(body);
      CHECK(framed(body) == hex(frame[wire]));
      const auto opened = opener.open(body);
      REQUIRE(opened);
      CHECK(equal(*opened, plaintext));
    }
  };
  const auto feeds = load_vectors("feeds/secretstream.json");
  check(hex32(feeds["key"]), first_bytes<24>(hex(feeds["header"])), feeds["frames"], "plaintext",
        "framed");
  for (const auto& lane : load_vectors("dht/secret-stream.json", "lanes")) {
    check(hex32(lane["key"]), first_bytes<24>(hex(lane["header"])), lane["frames"], "plain",
          "wire");
  }
}

TEST_CASE("XX ends agree on hash, keys and roles, however the bytes are cut") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    XxPair pair;
    SeededRandom cuts(seed);
    test::exchange(pair.dialler, pair.listener, cuts, 1 + seed * 3);
    CHECK(pair.dialler.opened == 1);
    CHECK(pair.listener.opened == 1);
    CHECK(pair.dialler.stream.handshake_hash() == pair.listener.stream.handshake_hash());
    CHECK(pair.dialler.stream.remote_key() == pair.listener_key.public_key);
    CHECK(pair.listener.stream.remote_key() == pair.dialler_key.public_key);
    CHECK(pair.dialler.stream.role() == Role::initiator);
    CHECK(pair.listener.stream.role() == Role::responder);
    CHECK_FALSE(pair.listener.stream.hello());
  }
}

TEST_CASE("messages of all sizes arrive whole and in order, however the bytes are cut") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    OpenXxPair pair;
    SeededRandom cuts(seed);
    std::vector<Bytes> to_listener, to_dialler;
    for (unsigned i = 0; i < 60; ++i) {
      to_listener.push_back(pattern(1 + cuts.below(i % 10 == 0 ? 100000 : 300), i));
      to_dialler.push_back(pattern(1 + cuts.below(200), i));
      CHECK(pair.dialler.stream.send(to_listener.back()));
      CHECK(pair.listener.stream.send(to_dialler.back()));
    }
    test::exchange(pair.dialler, pair.listener, cuts, 1 + cuts.below(5000));
    CHECK(pair.listener.messages == to_listener);
    CHECK(pair.dialler.messages == to_dialler);
  }
}

TEST_CASE("a message in parts is one message") {
  OpenXxPair pair;
  const Bytes a{1, 2}, b, c{3};
  const ByteView parts[] = {a, b, c};
  CHECK(pair.dialler.stream.send_frame(parts));
  test::exchange(pair.dialler, pair.listener, pair.random);
  CHECK(pair.listener.messages == std::vector<Bytes>{{1, 2, 3}});
}

TEST_CASE("the largest message passes") {
  OpenXxPair pair;
  const auto message = pattern(kMaxPlaintext, 3);
  CHECK(pair.dialler.stream.send(message));
  test::exchange(pair.dialler, pair.listener, pair.random, 300000);
  REQUIRE(pair.listener.messages.size() == 1);
  CHECK(pair.listener.messages[0] == message);
  CHECK(pair.listener.stream.unfinished_bytes() == 0);
}

TEST_CASE("an unfinished frame holds only the bytes that came") {
  OpenXxPair pair;
  pair.dialler.stream.send(Bytes(1000000));
  const auto bytes = pair.dialler.output();
  pair.listener.feed(to_bytes(ByteView(bytes).first(5000)));
  CHECK(pair.listener.stream.unfinished_bytes() == 5000);
}

TEST_CASE("a flipped bit anywhere in a message ends the stream before the message is handed up") {
  for (std::size_t position = 3; position < 30; ++position) {
    OpenXxPair pair;
    pair.dialler.stream.send(pattern(10, 1));
    auto bytes = pair.dialler.output();
    REQUIRE(bytes.size() == 30);
    bytes[position] ^= 0x10;
    pair.listener.feed(bytes);
    CHECK(pair.listener.closed == overlay::StreamErrc::bad_frame);
    CHECK(pair.listener.messages.empty());
    CHECK_FALSE(pair.listener.stream.send(Bytes{1}));
    CHECK_FALSE(pair.listener.stream.next_timeout());
  }
}

TEST_CASE("a replayed, dropped or swapped message ends the stream") {
  OpenXxPair pair;
  pair.dialler.stream.send(Bytes{1});
  const auto first = pair.dialler.output();
  pair.dialler.stream.send(Bytes{2});
  const auto second = pair.dialler.output();
  SUBCASE("replayed") {
    pair.listener.feed(first);
    pair.listener.feed(first);
    CHECK(pair.listener.messages.size() == 1);
  }
  SUBCASE("swapped") { pair.listener.feed(second); }
  CHECK(pair.listener.closed == overlay::StreamErrc::bad_frame);
}

TEST_CASE("a frame too short for a message ends the stream") {
  OpenXxPair pair;
  pair.listener.feed(framed(Bytes(16)));
  CHECK(pair.listener.closed == overlay::StreamErrc::bad_frame);
}

TEST_CASE("before the proof a frame is judged by its length bytes alone") {
  SeededRandom random(1);
  ListedHellos none;
  const auto key = make_key_pair(Bytes32{2});
  for (std::size_t length : {0u, 31u, 33u, 49u, 55u, 57u, 64u, 96u, 1000000u}) {
    StreamEnd listener(SecretStream::accept(at({}), key, none, random));
    const Bytes prefix{static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(length >> 8),
                       static_cast<std::uint8_t>(length >> 16)};
    listener.feed(prefix);
    CHECK(listener.closed == overlay::StreamErrc::unexpected_frame);
    CHECK(listener.output().empty());
  }
}

TEST_CASE("an XX handshake with a wrong length or a flipped bit ends the stream") {
  SUBCASE("second message of the dialler") {
    XxPair pair;
    pair.listener.feed(pair.dialler.output());
    pair.dialler.feed(pair.listener.output());
    auto third = pair.dialler.output();
    SUBCASE("length") {
      third[0] = 56;
      pair.listener.feed(third);
      CHECK(pair.listener.closed == overlay::StreamErrc::unexpected_frame);
    }
    SUBCASE("bit") {
      third[10] ^= 1;
      pair.listener.feed(third);
      CHECK(pair.listener.closed == overlay::StreamErrc::bad_handshake);
    }
    SUBCASE("stream id") {
      third[3 + 64 + 3] ^= 1;
      pair.listener.feed(third);
      CHECK(pair.listener.closed == overlay::StreamErrc::wrong_stream_id);
    }
    CHECK(pair.listener.opened == 0);
  }
  SUBCASE("first message of the listener") {
    XxPair pair;
    pair.listener.feed(pair.dialler.output());
    auto second = pair.listener.output();
    second[40] ^= 1;
    pair.dialler.feed(second);
    CHECK(pair.dialler.closed == overlay::StreamErrc::bad_handshake);
    CHECK(pair.dialler.output().empty());
  }
}

TEST_CASE("a handshake that takes too long ends the stream") {
  XxPair pair;
  CHECK(pair.listener.stream.next_timeout() == TimePoint{} + 5s);
  pair.listener.stream.handle_timeout(at(4999ms));
  pair.listener.drain();
  CHECK_FALSE(pair.listener.closed);
  pair.listener.stream.handle_timeout(at(5s));
  pair.listener.drain();
  CHECK(pair.listener.closed == overlay::StreamErrc::handshake_timeout);
}

TEST_CASE("a keep-alive goes out after 5 s without other output, and is not handed up") {
  OpenXxPair pair;
  auto& dialler = pair.dialler;
  CHECK(dialler.stream.next_timeout() == TimePoint{} + 5s);
  dialler.stream.send(Bytes{1});
  dialler.output(at(3s));
  dialler.stream.handle_timeout(at(5s));
  CHECK(dialler.output(at(5s)).empty());
  CHECK(dialler.stream.next_timeout() == TimePoint{} + 8s);
  dialler.stream.handle_timeout(at(8s));
  const auto bytes = dialler.output(at(8s));
  CHECK(bytes.size() == 3 + kMessageOverhead);
  CHECK(dialler.stream.next_timeout() == TimePoint{} + 13s);
}

TEST_CASE("a peer that kept alive is given up after 30 s of silence, another one never") {
  OpenXxPair pair;
  auto& listener = pair.listener;
  for (auto t = 5s; t <= 100s; t += 5s) {
    listener.stream.handle_timeout(at(t));
    listener.output(at(t));
  }
  listener.drain();
  CHECK_FALSE(listener.closed);

  pair.dialler.stream.handle_timeout(at(100s));
  listener.feed(pair.dialler.output(at(100s)), at(100s));
  CHECK(listener.messages.empty());
  listener.stream.handle_timeout(at(129s));
  listener.drain();
  CHECK_FALSE(listener.closed);
  listener.stream.handle_timeout(at(130s));
  listener.drain();
  CHECK(listener.closed == overlay::StreamErrc::peer_silent);
}

TEST_CASE("nothing is sent before the stream is open") {
  XxPair pair;
  pair.dialler.output();
  CHECK_FALSE(pair.dialler.stream.send(Bytes{1}));
  CHECK(pair.dialler.output().empty());
}

TEST_CASE("random bytes never open a stream") {
  SeededRandom random(3);
  ListedHellos none;
  const auto key = make_key_pair(Bytes32{2});
  for (int run = 0; run < 500; ++run) {
    StreamEnd listener(SecretStream::accept(at({}), key, none, random));
    for (int i = 0; i < 5; ++i) {
      Bytes body(run % 2 == 0 ? 32 : random.below(120));
      random.fill(body);
      listener.feed(run % 3 == 0 ? body : framed(body));
    }
    CHECK(listener.opened == 0);
    CHECK_FALSE(listener.stream.is_proven());
  }
}
