#include "overlay/feed_messages.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "tests/support/vectors.hpp"

using namespace cip;
using namespace cip::overlay;
using test::Json;

namespace {

std::vector<store::TreeNode> nodes_of(const Json& list) {
  std::vector<store::TreeNode> out;
  for (const auto& node : list) {
    out.push_back({node["index"], node["size"], test::hex32(node["hash"])});
  }
  return out;
}

SyncMessage sync_of(const Json& value) {
  return {.fork = value["fork"],
          .length = value["length"],
          .remote_length = value["remoteLength"],
          .can_upgrade = value["canUpgrade"],
          .uploading = value["uploading"],
          .downloading = value["downloading"],
          .has_manifest = value["hasManifest"],
          .accepts_push = value["allowPush"]};
}

RequestMessage request_of(const Json& value) {
  RequestMessage message{.id = value["id"], .wanted = {}, .priority = value["priority"]};
  auto& wanted = message.wanted;
  wanted.fork = value["fork"];
  wanted.manifest = value["manifest"];
  const auto& block = value["block"];
  const auto& hash = value["hash"];
  const auto& seek = value["seek"];
  const auto& upgrade = value["upgrade"];
  if (!block.is_null()) wanted.block = {block["index"], block["nodes"]};
  if (!hash.is_null()) wanted.hash = {hash["index"], hash["nodes"]};
  if (!seek.is_null()) wanted.seek = {seek["bytes"], seek["padding"]};
  if (!upgrade.is_null()) wanted.upgrade = {upgrade["start"], upgrade["length"]};
  return message;
}

store::Manifest manifest_of(const Json& value) {
  store::Manifest manifest{.version = value["version"],
                           .allow_patch = value["allowPatch"],
                           .quorum = value["quorum"],
                           .signers = {},
                           .prologue = {},
                           .linked = {},
                           .user_data = {}};
  for (const auto& signer : value["signers"]) {
    manifest.signers.push_back(
        {test::hex32(signer["namespace"]), test::hex32(signer["publicKey"])});
  }
  return manifest;
}

DataMessage data_of(const Json& value) {
  DataMessage message{.id = value["request"], .proof = {}};
  auto& proof = message.proof;
  proof.fork = value["fork"];
  const auto& block = value["block"];
  const auto& hash = value["hash"];
  const auto& seek = value["seek"];
  const auto& upgrade = value["upgrade"];
  const auto& manifest = value["manifest"];
  if (!block.is_null()) {
    proof.block = {block["index"], test::hex(block["value"]), nodes_of(block["nodes"])};
  }
  if (!hash.is_null()) proof.hash = store::HashPart{hash["index"], nodes_of(hash["nodes"])};
  if (!seek.is_null()) proof.seek = store::SeekPart{seek["bytes"], nodes_of(seek["nodes"])};
  if (!upgrade.is_null()) {
    proof.upgrade =
        store::UpgradePart{upgrade["start"], upgrade["length"], nodes_of(upgrade["nodes"]),
                           nodes_of(upgrade["additionalNodes"]), test::hex(upgrade["signature"])};
  }
  if (!manifest.is_null()) proof.manifest = manifest_of(manifest);
  return message;
}

// Encodes what a vector describes, and encodes again what its bytes decode to.
struct Both {
  Bytes encoded;
  std::optional<Bytes> again;
};

template <typename Decode, typename Encode>
std::optional<Bytes> again(ByteView bytes, Decode decode, Encode encode) {
  const auto message = decode(bytes);
  if (!message) return std::nullopt;
  return encode(*message);
}

Both handshake_both(const Json& value, ByteView bytes) {
  return {encode_feed_handshake({value["seeks"], test::hex32(value["capability"])}),
          again(bytes, decode_feed_handshake, encode_feed_handshake)};
}

Both extension_both(const Json& value, ByteView bytes) {
  const auto name = value["name"].get<std::string>();
  const auto payload = test::hex(value["message"]);
  return {encode_extension({name, payload}), again(bytes, decode_extension, encode_extension)};
}

Both both_of(const std::string& type, const Json& value, ByteView bytes) {
  if (type == "handshake") return handshake_both(value, bytes);
  if (type == "sync") return {encode_sync(sync_of(value)), again(bytes, decode_sync, encode_sync)};
  if (type == "request") {
    return {encode_request(request_of(value)), again(bytes, decode_request, encode_request)};
  }
  if (type == "cancel") {
    return {encode_cancel(value["request"]), again(bytes, decode_cancel, encode_cancel)};
  }
  if (type == "data") {
    const auto message = data_of(value);
    return {encode_data(message.id, message.proof), again(bytes, decode_data, [](const auto& data) {
              return encode_data(data.id, data.proof);
            })};
  }
  if (type == "noData") {
    const auto reason = static_cast<NoDataReason>(value["reason"].get<std::uint64_t>());
    return {encode_no_data({value["request"], reason}),
            again(bytes, decode_no_data, encode_no_data)};
  }
  if (type == "want" || type == "unwant") {
    return {encode_want({value["start"], value["length"], value["any"]}),
            again(bytes, decode_want, encode_want)};
  }
  if (type == "bitfield") {
    return {encode_bitfield({value["start"], value["bitfield"].get<std::vector<std::uint32_t>>()}),
            again(bytes, decode_bitfield, encode_bitfield)};
  }
  if (type == "range") {
    return {encode_range({value["start"], value["length"], value["drop"]}),
            again(bytes, decode_range, encode_range)};
  }
  REQUIRE(type == "extension");
  return extension_both(value, bytes);
}

}  // namespace

TEST_CASE("replication messages encode to the recorded bytes and decode from them") {
  std::size_t cases = 0;
  for (const auto& item : test::load_vectors("feeds/wire.json", "cases")) {
    const auto bytes = test::hex(item["hex"]);
    const auto both = both_of(item["type"], item["value"], bytes);
    CAPTURE(item.dump());
    CHECK(to_hex(both.encoded) == item["hex"].get<std::string>());
    REQUIRE(both.again);
    CHECK(to_hex(*both.again) == item["hex"].get<std::string>());
    ++cases;
  }
  CHECK(cases == 34);
}

TEST_CASE("a decoded request and a decoded proof equal what was encoded") {
  for (const auto& item : test::load_vectors("feeds/wire.json", "cases")) {
    const auto bytes = test::hex(item["hex"]);
    if (item["type"] == "request") {
      const auto expected = request_of(item["value"]);
      const auto message = decode_request(bytes);
      REQUIRE(message);
      CHECK(message->id == expected.id);
      CHECK(message->wanted == expected.wanted);
      CHECK(message->priority == expected.priority);
    }
    if (item["type"] == "data") {
      const auto message = decode_data(bytes);
      REQUIRE(message);
      CHECK(message->proof == data_of(item["value"]).proof);
    }
  }
}

TEST_CASE("what line 10 sends decodes as well") {
  for (const auto& item : test::load_vectors("feeds/wire.json", "cases")) {
    if (!item.contains("v10Hex")) continue;
    const auto bytes = test::hex(item["v10Hex"]);
    CAPTURE(item.dump());
    if (item["type"] == "sync") CHECK(decode_sync(bytes));
    if (item["type"] == "noData") CHECK(decode_no_data(bytes)->reason == NoDataReason::none);
    if (item["type"] == "want") CHECK_FALSE(decode_want(bytes)->any);
  }
}

TEST_CASE("no truncation of a replication message decodes to a longer one") {
  for (const auto& item : test::load_vectors("feeds/wire.json", "cases")) {
    const auto bytes = test::hex(item["hex"]);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const ByteView cut(bytes.data(), size);
      if (item["type"] == "data") static_cast<void>(decode_data(cut));
      if (item["type"] == "bitfield") CHECK_FALSE(decode_bitfield(cut));
      if (item["type"] == "sync") CHECK_FALSE(decode_sync(cut));
      if (item["type"] == "request") CHECK_FALSE(decode_request(cut));
      if (item["type"] == "handshake") CHECK_FALSE(decode_feed_handshake(cut));
    }
  }
}

TEST_CASE("bitfield messages have the recorded words") {
  for (const auto& item : test::load_vectors("feeds/bitfield.json", "cases")) {
    store::Bitfield blocks;
    for (const auto& range : item["set"]) blocks.set_range(range[0], range[1]);
    for (const auto& message : item["messages"]) {
      const auto decoded = decode_bitfield(test::hex(message["encoded"]));
      REQUIRE(decoded);
      CHECK(decoded->start == message["start"]);
      CHECK(decoded->words == message["words"].get<std::vector<std::uint32_t>>());
      const auto end = decoded->start + 32 * decoded->words.size();
      for (auto i = decoded->start; i < end; ++i) {
        const auto word = decoded->words[(i - decoded->start) / 32];
        // Bits outside of what was wanted are not promised; those that are set must be held.
        if (((word >> (i % 32)) & 1) != 0) CHECK(blocks.get(i));
      }
    }
  }
}

TEST_CASE("a bitfield that does not start on a word, or covers more than a segment, is malformed") {
  CHECK_FALSE(decode_bitfield(encode_bitfield({1, {1}})));
  CHECK_FALSE(
      decode_bitfield(encode_bitfield({0, std::vector<std::uint32_t>(kWantSegment / 32 + 1)})));
  CHECK(decode_bitfield(encode_bitfield({0, std::vector<std::uint32_t>(kWantSegment / 32)})));
}

TEST_CASE("capabilities are those of the reference") {
  for (const auto& item : test::load_vectors("feeds/keys.json", "capability")) {
    const auto hash = test::hex64(item["handshakeHash"]);
    const auto key = test::hex32(item["key"]);
    CHECK(to_hex(feed_capability(hash, key, Role::initiator)) ==
          item["sentByInitiator"].get<std::string>());
    CHECK(to_hex(feed_capability(hash, key, Role::responder)) ==
          item["sentByResponder"].get<std::string>());
  }
}
