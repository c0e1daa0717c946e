#include "overlay/transport/noise.hpp"

#include <doctest/doctest.h>

#include "tests/support/vectors.hpp"
#include "tests/unit/overlay/scripted_random.hpp"

using namespace cip;
using namespace cip::overlay;
using test::hex;
using test::hex32;
using test::hex64;
using test::Json;
using test::load_vectors;
using test::ScriptedRandom;

namespace {

NoiseHandshake xx(Role role, const Json& static_seed, const Json& ephemeral_seed) {
  ScriptedRandom random(hex(ephemeral_seed));
  return {{.role = role, .static_key = make_key_pair(hex32(static_seed))}, random};
}

NoiseHandshake ik(Role role, const Json& vector) {
  const bool client = role == Role::initiator;
  ScriptedRandom random(hex(vector[client ? "clientEphemeral" : "serverEphemeral"]["seed"]));
  NoiseHandshake::Options options;
  options.pattern = NoiseHandshake::Pattern::ik;
  options.role = role;
  options.static_key = make_key_pair(hex32(vector[client ? "client" : "server"]["seed"]));
  options.prologue = hex(vector["prologue"]);
  if (client) options.remote_static = hex32(vector["server"]["publicKey"]);
  return {options, random};
}

void check_state(const NoiseHandshake& handshake, const Json& trace) {
  CHECK(handshake.state().hash() == hex64(trace["handshakeHash"]));
  CHECK(handshake.state().chaining_key() == hex64(trace["chainingKey"]));
  if (!trace.contains("cipherKey")) return;
  CHECK(handshake.state().cipher_key() == hex32(trace["cipherKey"]));
  CHECK(handshake.state().nonce() == trace["nonce"].get<std::uint64_t>());
}

}  // namespace

TEST_CASE("XX gives the recorded messages, states and keys on both sides") {
  for (const auto& vector : load_vectors("feeds/noise.json", "handshakes")) {
    auto initiator = xx(Role::initiator, vector["initiatorStatic"]["seed"],
                        vector["initiatorEphemeral"]["seed"]);
    auto responder = xx(Role::responder, vector["responderStatic"]["seed"],
                        vector["responderEphemeral"]["seed"]);
    NoiseHandshake* sides[] = {&initiator, &responder};
    for (auto* side : sides) check_state(*side, vector["trace"][0]);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(sides[i % 2]->is_my_turn());
      const auto message = sides[i % 2]->write_message();
      REQUIRE(message);
      CHECK(*message == hex(vector["messages"][i]));
      const auto payload = sides[1 - i % 2]->read_message(*message);
      REQUIRE(payload);
      CHECK(payload->empty());
      if (i == 2) break;
      for (auto* side : sides) check_state(*side, vector["trace"][i + 1]);
    }
    for (auto* side : sides) {
      CHECK(side->is_complete());
      CHECK(side->handshake_hash() == hex64(vector["handshakeHash"]));
    }
    CHECK(initiator.send_key() == hex32(vector["initiatorTx"]));
    CHECK(initiator.receive_key() == hex32(vector["initiatorRx"]));
    CHECK(responder.send_key() == initiator.receive_key());
    CHECK(responder.receive_key() == initiator.send_key());
    CHECK(initiator.remote_static() == hex32(vector["responderStatic"]["publicKey"]));
    CHECK(responder.remote_static() == hex32(vector["initiatorStatic"]["publicKey"]));
  }
}

TEST_CASE("Diffie-Hellman of Ed25519 keys gives the recorded points") {
  for (const auto& vector : load_vectors("feeds/noise.json", "handshakes")) {
    const auto key = [&](const char* name) { return make_key_pair(hex32(vector[name]["seed"])); };
    const auto is = key("initiatorStatic"), rs = key("responderStatic");
    const auto ie = key("initiatorEphemeral"), re = key("responderEphemeral");
    CHECK(noise_dh(ie, re.public_key) == hex32(vector["dh"]["ee"]));
    CHECK(noise_dh(ie, rs.public_key) == hex32(vector["dh"]["es"]));
    CHECK(noise_dh(re, is.public_key) == hex32(vector["dh"]["se"]));
  }
  for (const auto& vector : load_vectors("dht/noise-ik.json", "dh")) {
    const auto a = make_key_pair(hex32(vector["a"]["seed"]));
    const auto b = make_key_pair(hex32(vector["b"]["seed"]));
    CHECK(noise_dh(a, b.public_key) == hex32(vector["shared"]));
    CHECK(noise_dh(b, a.public_key) == hex32(vector["shared"]));
  }
}

TEST_CASE("Diffie-Hellman refuses points of small order and bytes that are no point") {
  const auto key = make_key_pair(Bytes32{1});
  Bytes32 identity{};
  identity[0] = 1;
  Bytes32 not_canonical;
  not_canonical.fill(0xff);
  for (const auto& point : {Bytes32{}, identity, not_canonical}) {
    CHECK(noise_dh(key, point) == fail(overlay::StreamErrc::bad_point));
  }
}

TEST_CASE("HMAC and HKDF give the recorded outputs") {
  for (const auto& vector : load_vectors("dht/noise-ik.json", "hmacBlake2b512")) {
    CHECK(hmac_blake2b(hex(vector["key"]), {hex(vector["message"])}) == hex64(vector["output"]));
  }
  for (const auto& vector : load_vectors("dht/noise-ik.json", "hkdf2")) {
    const auto out = hkdf(hex64(vector["chainingKey"]), hex(vector["input"]));
    CHECK(out.first == hex64(vector["output"][0]));
    CHECK(out.second == hex64(vector["output"][1]));
  }
}

TEST_CASE("IK gives the recorded messages and keys on both sides") {
  for (const auto& vector : load_vectors("dht/noise-ik.json", "transcripts")) {
    auto client = ik(Role::initiator, vector);
    auto server = ik(Role::responder, vector);
    CHECK(client.state().hash() == hex64(vector["afterInitialise"]["h"]));
    CHECK(server.state().hash() == hex64(vector["afterInitialise"]["h"]));

    const auto message1 = client.write_message(hex(vector["payload1"]));
    CHECK(message1 == hex(vector["message1"]));
    CHECK(server.read_message(*message1) == hex(vector["payload1"]));
    CHECK(server.remote_static() == hex32(vector["client"]["publicKey"]));
    const auto message2 = server.write_message(hex(vector["payload2"]));
    CHECK(message2 == hex(vector["message2"]));
    CHECK(client.read_message(*message2) == hex(vector["payload2"]));

    for (const auto* side : {&client, &server}) {
      CHECK(side->is_complete());
      CHECK(side->handshake_hash() == hex64(vector["handshakeHash"]));
    }
    CHECK(client.send_key() == hex32(vector["clientTx"]));
    CHECK(client.receive_key() == hex32(vector["clientRx"]));
    CHECK(server.send_key() == hex32(vector["clientRx"]));
    CHECK(server.receive_key() == hex32(vector["clientTx"]));
  }
}

TEST_CASE("the symmetric state passes through every recorded step of IK") {
  for (const auto& vector : load_vectors("dht/noise-ik.json", "transcripts")) {
    const auto key = [&](const char* name) { return make_key_pair(hex32(vector[name]["seed"])); };
    const auto server = key("server").public_key;
    const auto server_ephemeral = key("serverEphemeral").public_key;
    const Bytes32 shared[] = {*noise_dh(key("clientEphemeral"), server),
                              *noise_dh(key("client"), server),
                              *noise_dh(key("clientEphemeral"), server_ephemeral),
                              *noise_dh(key("client"), server_ephemeral)};
    SymmetricState state(vector["protocolName"].get<std::string>(), hex(vector["prologue"]));
    state.mix_hash(server);
    std::size_t mixed = 0;
    for (const auto& step : vector["initiatorTrace"]) {
      const auto name = step["step"].get<std::string>();
      if (name == "mixHash") state.mix_hash(hex(step["input"]));
      if (name == "mixKey") state.mix_key(shared[mixed++]);
      if (step.contains("nonce")) {
        CHECK(state.nonce() == step["nonce"].get<std::uint64_t>());
        CHECK(state.cipher_key() == hex32(step["key"]));
        CHECK(state.hash() == hex64(step["ad"]));
      }
      if (name == "encryptAndHash") {
        Bytes out;
        state.encrypt_and_hash(hex(step["input"]), out);
        CHECK(out == hex(step["output"]));
      }
      if (name == "decryptAndHash") {
        CHECK(state.decrypt_and_hash(hex(step["input"])) == hex(step["output"]));
      }
      CHECK(state.hash() == hex64(step["h"]));
      if (step.contains("ck")) CHECK(state.chaining_key() == hex64(step["ck"]));
      if (step.contains("k")) CHECK(state.cipher_key() == hex32(step["k"]));
    }
    CHECK(mixed == 4);
  }
}

TEST_CASE("a handshake message with any bit flipped is refused") {
  const auto vector = load_vectors("dht/noise-ik.json", "transcripts")[0];
  const auto message = hex(vector["message1"]);
  for (std::size_t i = 0; i < message.size(); ++i) {
    auto tampered = message;
    tampered[i] ^= static_cast<std::uint8_t>(1 << (i % 8));
    auto server = ik(Role::responder, vector);
    CHECK_FALSE(server.read_message(tampered));
  }
}

TEST_CASE("a handshake message cut short is refused") {
  const auto vector = load_vectors("dht/noise-ik.json", "transcripts")[0];
  const auto message = hex(vector["message1"]);
  for (std::size_t size = 0; size < message.size(); ++size) {
    auto server = ik(Role::responder, vector);
    CHECK_FALSE(server.read_message(ByteView(message).first(size)));
  }
}
