#include "dht/commands.hpp"

#include <doctest/doctest.h>

#include "dht/signatures.hpp"
#include "tests/unit/dht/vectors.hpp"

using namespace cip;
using namespace cip::dht;

namespace {

template <typename E>
std::uint64_t number(E value) {
  return static_cast<std::uint64_t>(value);
}

}  // namespace

TEST_CASE("command and error numbers are those of the stock network") {
  const auto constants = test::load_vectors("dht/constants.json");
  const auto& internal = constants.at("internalCommands");
  CHECK(number(InternalCommand::ping) == internal.at("PING"));
  CHECK(number(InternalCommand::ping_nat) == internal.at("PING_NAT"));
  CHECK(number(InternalCommand::find_node) == internal.at("FIND_NODE"));
  CHECK(number(InternalCommand::down_hint) == internal.at("DOWN_HINT"));
  CHECK(number(InternalCommand::delayed_ping) == internal.at("DELAYED_PING"));

  const auto& commands = constants.at("commands");
  CHECK(number(Command::peer_handshake) == commands.at("PEER_HANDSHAKE"));
  CHECK(number(Command::peer_holepunch) == commands.at("PEER_HOLEPUNCH"));
  CHECK(number(Command::find_peer) == commands.at("FIND_PEER"));
  CHECK(number(Command::lookup) == commands.at("LOOKUP"));
  CHECK(number(Command::announce) == commands.at("ANNOUNCE"));
  CHECK(number(Command::unannounce) == commands.at("UNANNOUNCE"));
  CHECK(number(Command::mutable_put) == commands.at("MUTABLE_PUT"));
  CHECK(number(Command::mutable_get) == commands.at("MUTABLE_GET"));
  CHECK(number(Command::immutable_put) == commands.at("IMMUTABLE_PUT"));
  CHECK(number(Command::immutable_get) == commands.at("IMMUTABLE_GET"));
  CHECK(number(Command::plugin) == commands.at("PLUGIN"));

  CHECK(number(ReplyError::unknown_command) == constants.at("rpcErrors").at("UNKNOWN_COMMAND"));
  CHECK(number(ReplyError::invalid_token) == constants.at("rpcErrors").at("INVALID_TOKEN"));
  const auto& errors = constants.at("errors");
  CHECK(number(ReplyError::sequence_reused) == errors.at("SEQ_REUSED"));
  CHECK(number(ReplyError::sequence_too_low) == errors.at("SEQ_TOO_LOW"));
  CHECK(number(HelloError::aborted) == errors.at("ABORTED"));
  CHECK(number(HelloError::version_mismatch) == errors.at("VERSION_MISMATCH"));
  CHECK(number(HelloError::try_later) == errors.at("TRY_LATER"));

  const auto& firewall = constants.at("firewall");
  CHECK(number(Firewall::open) == firewall.at("OPEN"));
  CHECK(number(Firewall::consistent) == firewall.at("CONSISTENT"));
  CHECK(number(Firewall::random) == firewall.at("RANDOM"));
}

TEST_CASE("namespaces and targets of keys are those of the stock network") {
  const auto constants = test::load_vectors("dht/constants.json");
  const auto& namespaces = constants.at("namespaces");
  CHECK(announce_namespace() == test::hex32(namespaces.at("ANNOUNCE").at("hex")));
  CHECK(unannounce_namespace() == test::hex32(namespaces.at("UNANNOUNCE").at("hex")));
  CHECK(mutable_put_namespace() == test::hex32(namespaces.at("MUTABLE_PUT").at("hex")));

  const auto& topics = constants.at("topics");
  const auto& of_key = topics.at("hashOfPublicKey");
  CHECK(target_of_key(test::hex32(of_key.at("publicKey"))) == test::hex32(of_key.at("hex")));
  const auto& of_text = topics.at("hashOfText");
  const auto text = of_text.at("text").get<std::string>();
  CHECK(target_of_value(bytes_of(text)) == test::hex32(of_text.at("hex")));
}
