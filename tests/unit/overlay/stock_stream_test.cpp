#include <doctest/doctest.h>

#include <map>

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
using test::Json;
using test::load_vectors;
using test::ScriptedRandom;
using test::StreamEnd;

namespace {

BoundKeys keys_of(const Json& vector, Role role) {
  return make_stock_keys(role, hex32(vector["clientSends"]), hex32(vector["serverSends"]),
                         hex64(vector["hash"]), {});
}

// What one side wrote into its lane: the payloads of its DATA packets by number (udx.md 2).
Bytes lane(const Json& wire, std::string_view from) {
  std::map<unsigned, Bytes> pieces;
  for (const auto& item : wire) {
    const auto packet = hex(item["hex"]);
    const bool data = item["from"] == from && packet[0] == 0xff && (packet[2] & 1) != 0;
    if (data) pieces[packet[12]] = to_bytes(ByteView(packet).subspan(20));
  }
  Bytes out;
  for (const auto& [number, piece] : pieces) append(out, piece);
  return out;
}

struct Hello {
  BoundKeys initiator = make_stock_keys(Role::initiator, Bytes32{1}, Bytes32{2}, Bytes64{3}, {});
  BoundKeys responder = make_stock_keys(Role::responder, Bytes32{1}, Bytes32{2}, Bytes64{3}, {});
};

}  // namespace

TEST_CASE("both lanes of a recorded stock connection are read, and written byte for byte") {
  const auto wire = load_vectors("udx/connect.json", "wire");
  const auto keys = load_vectors("udx/connect.json", "keys");
  const auto plaintext = load_vectors("udx/connect.json", "plaintext");
  for (const auto role : {Role::initiator, Role::responder}) {
    const bool client = role == Role::initiator;
    const auto own = lane(wire, client ? "client" : "server");
    const auto others = lane(wire, client ? "server" : "client");
    // The header of the own lane: behind length and stream id.
    ScriptedRandom random(to_bytes(ByteView(own).subspan(3 + 32, 24)));
    StreamEnd end(SecretStream::open_stock(at({}), keys_of(keys, role), random));
    Bytes written = end.output();
    end.feed(others);
    std::vector<Bytes> messages;
    for (const auto& text : plaintext[client ? "server" : "client"]) {
      if (text != "") messages.push_back(hex(text));
    }
    CHECK(end.messages == messages);
    CHECK(end.stream.is_proven());
    for (const auto& text : plaintext[client ? "client" : "server"]) {
      if (text == "") {
        end.stream.handle_timeout(at(5s));
      } else {
        CHECK(end.stream.send(hex(text)));
      }
      append(written, end.output());
    }
    CHECK(written == own);
  }
}

TEST_CASE("both sides send first frames without waiting, and are proven by the first message") {
  Hello hello;
  SeededRandom random(1);
  StreamEnd client(SecretStream::open_stock(at({}), hello.initiator, random));
  StreamEnd server(SecretStream::open_stock(at({}), hello.responder, random));
  const auto first = client.output();
  CHECK(first.size() == 3 + kFirstFrameSize);
  CHECK_FALSE(client.stream.send(Bytes{1}));
  client.feed(server.output());
  server.feed(first);
  CHECK(client.opened == 1);
  CHECK(server.opened == 1);
  CHECK_FALSE(client.stream.is_proven());
  CHECK(client.stream.send(Bytes{5}));
  server.feed(client.output(), at(1s));
  CHECK(server.messages == std::vector<Bytes>{{5}});
  CHECK(server.stream.is_proven());
  CHECK_FALSE(client.stream.is_proven());
  CHECK(server.stream.handshake_hash() == hello.initiator.hash);
  CHECK_FALSE(server.stream.hello());
  CHECK_FALSE(server.stream.is_used());
  CHECK(server.stream.send(Bytes{6}));
  CHECK(server.stream.is_used());
}

TEST_CASE("a first frame of another hello, one of the wrong length and silence end it") {
  Hello hello;
  SeededRandom random(1);
  const auto make = [&] {
    return StreamEnd(SecretStream::open_stock(at({}), hello.initiator, random));
  };
  auto other = hello.responder;
  other.hash[0] ^= 1;
  StreamEnd stranger(SecretStream::open_stock(at({}), other, random));
  auto wrong = make();
  wrong.feed(stranger.output());
  CHECK(wrong.closed == StreamErrc::wrong_stream_id);

  auto longer = make();
  longer.feed({57, 0, 0});
  CHECK(longer.closed == StreamErrc::unexpected_frame);

  auto silent = make();
  CHECK(silent.stream.next_timeout() == at(kDialledProofTimeout).mono);
  silent.stream.handle_timeout(at(kDialledProofTimeout));
  silent.drain();
  CHECK(silent.closed == StreamErrc::handshake_timeout);
}
