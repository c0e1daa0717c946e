#include <doctest/doctest.h>

#include "overlay/transport/secret_stream.hpp"
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
using test::ListedHellos;
using test::load_vectors;
using test::ScriptedRandom;
using test::StreamEnd;

namespace {

// The keys of both sides of one hello.
struct Hello {
  BoundKeys initiator = make_bound_keys(Role::initiator, Bytes32{1}, Bytes32{2}, Bytes64{3}, {});
  BoundKeys responder = make_bound_keys(Role::responder, Bytes32{1}, Bytes32{2}, Bytes64{3}, {});
};

// Streams of that hello; the listener's side has it pending.
struct BoundFixture : Hello {
  SeededRandom random{1};
  ListedHellos pending;
  KeyPair key = make_key_pair(Bytes32{9});

  StreamEnd dial(Role role) {
    return StreamEnd(SecretStream::dial_bound(
        at({}), 7, role == Role::initiator ? initiator : responder, random));
  }
  StreamEnd accept(Role role) {
    pending.clear();
    pending.add(7, role == Role::initiator ? initiator : responder);
    return StreamEnd(SecretStream::accept(at({}), key, pending, random));
  }
};

std::vector<std::size_t> frame_lengths(ByteView bytes) {
  std::vector<std::size_t> out;
  while (!bytes.empty()) {
    out.push_back(bytes[0] | bytes[1] << 8 | bytes[2] << 16);
    bytes = bytes.subspan(3 + out.back());
  }
  return out;
}

using Lengths = std::vector<std::size_t>;

}  // namespace

TEST_CASE("both sides of a bound stream write and read the recorded bytes") {
  const auto vector = load_vectors("dht/extension-tcp.json", "boundStream");
  const auto keys_of = [&](Role role) {
    return make_bound_keys(role, hex32(vector["k1"]), hex32(vector["k2"]),
                           hex64(vector["handshakeHash"]), {});
  };
  for (const auto role : {Role::initiator, Role::responder}) {
    const std::size_t me = role == Role::initiator ? 0 : 1;
    const auto own = vector["sides"][me], others = vector["sides"][1 - me];
    ScriptedRandom random(hex(own["header"]));
    StreamEnd end(SecretStream::dial_bound(at({}), 1, keys_of(role), random));
    Bytes written = end.output();
    CHECK(written == hex(own["wire"]["first"]));
    end.feed(hex(others["wire"]["first"]));
    end.feed(hex(others["wire"]["proof"]));
    end.stream.choose(at({}));
    end.feed(hex(others["wire"]["text"]));
    CHECK(end.opened == 1);
    CHECK(end.messages == std::vector<Bytes>{hex(others["text"])});
    CHECK(end.stream.send(hex(own["text"])));
    append(written, end.output());
    Bytes expected = hex(own["wire"]["first"]);
    append(expected, hex(own["wire"]["proof"]));
    append(expected, hex(own["wire"]["text"]));
    CHECK(written == expected);
    CHECK(end.stream.handshake_hash() == hex64(vector["boundHash"]));
  }
}

TEST_CASE("the initiator dials: proofs and data are sent in the order of dht.md 18.2") {
  BoundFixture f;
  auto initiator = f.dial(Role::initiator);
  auto responder = f.accept(Role::responder);

  auto bytes = initiator.output();
  CHECK(frame_lengths(bytes) == Lengths{56});
  responder.feed(bytes);
  CHECK(responder.stream.hello() == 7);
  bytes = responder.output();
  CHECK(frame_lengths(bytes) == Lengths{56, 49});  // it proves itself at once
  CHECK_FALSE(responder.stream.send(Bytes{1}));    // but sends no data yet
  initiator.feed(bytes);
  CHECK(initiator.proven == 1);
  CHECK(initiator.output().empty());  // nothing before the choice
  CHECK_FALSE(initiator.stream.is_open());
  CHECK_FALSE(responder.stream.is_proven());

  initiator.stream.choose(at({}));
  initiator.drain();
  CHECK(initiator.opened == 1);
  CHECK(initiator.stream.send(Bytes{5}));
  bytes = initiator.output();
  CHECK(frame_lengths(bytes) == Lengths{49, 18});  // data directly behind the proof
  responder.feed(bytes);
  CHECK(responder.opened == 1);
  CHECK(responder.proven == 0);
  CHECK(responder.messages == std::vector<Bytes>{{5}});
  CHECK(responder.stream.handshake_hash() == f.initiator.hash);
  CHECK(responder.stream.send(Bytes{6}));
  initiator.feed(responder.output());
  CHECK(initiator.messages == std::vector<Bytes>{{6}});
}

TEST_CASE("the responder dials back: roles stay those of the hello") {
  BoundFixture f;
  auto responder = f.dial(Role::responder);
  auto initiator = f.accept(Role::initiator);

  auto bytes = responder.output();
  CHECK(frame_lengths(bytes) == Lengths{56});
  initiator.feed(bytes);
  bytes = initiator.output();
  CHECK(frame_lengths(bytes) == Lengths{56});
  responder.feed(bytes);
  bytes = responder.output();
  CHECK(frame_lengths(bytes) == Lengths{49});
  initiator.feed(bytes);
  CHECK(initiator.proven == 1);
  initiator.stream.choose(at({}));
  initiator.drain();
  responder.feed(initiator.output());
  CHECK(initiator.opened == 1);
  CHECK(responder.opened == 1);
  CHECK(initiator.stream.role() == Role::initiator);
  CHECK(responder.stream.role() == Role::responder);
}

TEST_CASE("bound streams open however the bytes are cut") {
  for (std::size_t largest = 1; largest < 120; largest += 7) {
    BoundFixture f;
    auto initiator = f.dial(Role::initiator);
    auto responder = f.accept(Role::responder);
    test::exchange(initiator, responder, f.random, largest);
    initiator.stream.choose(at({}));
    test::exchange(initiator, responder, f.random, largest);
    CHECK(initiator.opened == 1);
    CHECK(responder.opened == 1);
    CHECK_FALSE(initiator.closed);
  }
}

TEST_CASE("a stream id of no pending hello is closed without a byte") {
  BoundFixture f;
  auto initiator = f.dial(Role::initiator);
  auto responder = f.accept(Role::responder);
  f.pending.clear();
  responder.feed(initiator.output());
  CHECK(responder.closed == overlay::StreamErrc::unknown_stream);
  CHECK(responder.output().empty());
}

TEST_CASE("stream ids under the public handshake hash are refused") {
  const auto vector = load_vectors("dht/extension-tcp.json", "boundStream");
  SeededRandom random(1);
  ListedHellos pending;
  const auto keys = make_bound_keys(Role::responder, hex32(vector["k1"]), hex32(vector["k2"]),
                                    hex64(vector["handshakeHash"]), {});
  pending.add(1, keys);
  StreamEnd listener(SecretStream::accept(at({}), make_key_pair({}), pending, random));
  Bytes first{56, 0, 0};
  append(first, hex(vector["publicStreamIds"]["initiator"]));
  first.resize(59);
  listener.feed(first);
  CHECK(listener.closed == overlay::StreamErrc::unknown_stream);

  StreamEnd dialler(SecretStream::dial_bound(at({}), 1, keys, random));
  dialler.feed(first);
  CHECK(dialler.closed == overlay::StreamErrc::wrong_stream_id);
}

TEST_CASE("recorded bytes are worthless on another connection of the same hello") {
  BoundFixture f;
  auto initiator = f.dial(Role::initiator);
  auto responder = f.accept(Role::responder);
  const auto first = initiator.output();
  responder.feed(first);
  initiator.feed(responder.output());
  initiator.stream.choose(at({}));
  initiator.drain();
  const auto proof = initiator.output();

  auto again = f.accept(Role::responder);
  again.feed(first);
  CHECK(frame_lengths(again.output()) == Lengths{56, 49});
  again.feed(proof);
  CHECK(again.closed == overlay::StreamErrc::wrong_proof);
  CHECK(again.opened == 0);
  CHECK(f.pending.find_pending(stream_id(f.responder.hash, Role::initiator)) != nullptr);

  responder.feed(proof);  // the true one is not disturbed
  CHECK(responder.opened == 1);
}

TEST_CASE("a responder's recorded first frames do not convince an initiator") {
  BoundFixture f;
  auto initiator = f.dial(Role::initiator);
  auto responder = f.accept(Role::responder);
  responder.feed(initiator.output());
  const auto recorded = responder.output();

  auto other = f.dial(Role::initiator);
  other.output();
  other.feed(recorded);
  CHECK(other.closed == overlay::StreamErrc::wrong_proof);
  CHECK(other.proven == 0);
}

TEST_CASE("before the proof only lengths 56 and 49 are legal, in this order") {
  for (const std::size_t wrong : {17u, 32u, 48u, 50u, 56u}) {
    BoundFixture f;
    auto initiator = f.dial(Role::initiator);
    auto responder = f.accept(Role::responder);
    responder.feed(initiator.output());
    responder.feed(Bytes{static_cast<std::uint8_t>(wrong), 0, 0});
    CHECK(responder.closed == overlay::StreamErrc::unexpected_frame);
  }
}

TEST_CASE("a responder that sends data before our choice is closed") {
  BoundFixture f;
  auto initiator = f.dial(Role::initiator);
  auto responder = f.accept(Role::responder);
  responder.feed(initiator.output());
  auto bytes = responder.output();
  append(bytes, Bytes{17, 0, 0});
  initiator.feed(bytes);
  CHECK(initiator.closed == overlay::StreamErrc::unexpected_frame);
}

TEST_CASE("a flipped bit in the frames before the proof closes the connection") {
  for (std::size_t position = 3; position < 111; position += 5) {
    BoundFixture f;
    auto initiator = f.dial(Role::initiator);
    auto responder = f.accept(Role::responder);
    responder.feed(initiator.output());
    auto bytes = responder.output();
    if (position >= 59 && position < 62) continue;  // the length of the second frame
    bytes[position] ^= 4;
    initiator.feed(bytes);
    CHECK(initiator.closed);
    CHECK(initiator.proven == 0);
  }
}

TEST_CASE("choosing before the proof, or twice, does nothing") {
  BoundFixture f;
  auto initiator = f.dial(Role::initiator);
  auto responder = f.accept(Role::responder);
  initiator.stream.choose(at({}));
  CHECK_FALSE(initiator.stream.is_open());
  test::exchange(initiator, responder, f.random);
  initiator.stream.choose(at({}));
  initiator.stream.choose(at({}));
  test::exchange(initiator, responder, f.random);
  CHECK(initiator.opened == 1);
  CHECK(responder.opened == 1);
  CHECK_FALSE(responder.closed);
}

TEST_CASE("a bound stream is given up after 30 s of silence") {
  BoundFixture f;
  auto initiator = f.dial(Role::initiator);
  auto responder = f.accept(Role::responder);
  test::exchange(initiator, responder, f.random);
  initiator.stream.choose(at({}));
  test::exchange(initiator, responder, f.random);
  initiator.stream.handle_timeout(at(30s));
  initiator.drain();
  CHECK(initiator.closed == overlay::StreamErrc::peer_silent);
}
