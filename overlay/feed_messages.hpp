#pragma once

// The messages of feed replication on a channel (feeds.md 9; peer implementation: npm hypercore,
// lib/messages.js). Channel: protocol "hypercore/alpha", id = discovery key.
//
//   open      uint flags (1 = seeks), fixed32 capability
//   sync      flags, uint fork, uint length, uint remote length
//   request   flags, uint id, uint fork, parts (store/proof.hpp), [flag 32: uint priority]
//   cancel    uint id
//   data      flags, uint id, uint fork, parts (store/proof.hpp)
//   no-data   uint id, [flags, [flag 1: uint reason]]
//   want      uint start, uint length, [flags (1 = any)]           unwant: the same
//   bitfield  uint start, uint32 array
//   range     flags (1 drop, 2 length is 1), uint start, [uint length]
//   extension string name, raw
//
// Decoders return nullopt for bytes that do not decode; trailing bytes are ignored.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "overlay/transport/role.hpp"
#include "store/bitfield.hpp"
#include "store/proof.hpp"

namespace cip::overlay {

inline constexpr std::string_view kFeedProtocol = "hypercore/alpha";

// Message types; frozen numbers of the wire.
enum class FeedMessage : std::uint32_t {
  sync = 0,
  request = 1,
  cancel = 2,
  data = 3,
  no_data = 4,
  want = 5,
  unwant = 6,
  bitfield = 7,
  range = 8,
  extension = 9,
};

// Blocks that one bitfield message covers at most, and that a want asks about.
inline constexpr std::uint64_t kWantSegment = 2097152;

struct FeedHandshake {
  bool seeks = true;
  Bytes32 capability{};
  bool operator==(const FeedHandshake&) const = default;
};

// Proves to the other side of one stream that its sender knows the feed key.
Bytes32 feed_capability(const Bytes64& handshake_hash, const Bytes32& feed_key, Role sender);

struct SyncMessage {
  std::uint64_t fork = 0;
  std::uint64_t length = 0;
  std::uint64_t remote_length = 0;  // acknowledges what the receiver said last
  bool can_upgrade = true;
  bool uploading = true;
  bool downloading = true;
  bool has_manifest = false;
  bool accepts_push = false;
  bool operator==(const SyncMessage&) const = default;
};

struct RequestMessage {
  std::uint64_t id = 0;  // 0: a conflict check (feeds.md 10.6)
  store::ProofRequest wanted;
  std::uint64_t priority = 0;
};

struct DataMessage {
  std::uint64_t id = 0;
  store::Proof proof;
};

// Frozen numbers of the wire; line 10 sends none.
enum class NoDataReason : std::uint64_t { none = 0, not_available = 1, invalid_request = 2 };
struct NoDataMessage {
  std::uint64_t id = 0;
  NoDataReason reason = NoDataReason::none;
};

struct WantMessage {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  bool any = false;  // one block is enough; line 11 only
};

struct RangeMessage {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
  bool drop = false;
};

struct ExtensionMessage {
  std::string_view name;  // empty: as in the previous extension on this channel
  ByteView payload;
};

Bytes encode_feed_handshake(const FeedHandshake& message);
Bytes encode_sync(const SyncMessage& message);
Bytes encode_request(const RequestMessage& message);
Bytes encode_cancel(std::uint64_t id);
Bytes encode_data(std::uint64_t id, const store::Proof& proof);
Bytes encode_no_data(const NoDataMessage& message);
Bytes encode_want(const WantMessage& message);  // and unwant
Bytes encode_bitfield(const store::BitfieldWords& message);
Bytes encode_range(const RangeMessage& message);
Bytes encode_extension(const ExtensionMessage& message);

std::optional<FeedHandshake> decode_feed_handshake(ByteView bytes);
std::optional<SyncMessage> decode_sync(ByteView bytes);
std::optional<RequestMessage> decode_request(ByteView bytes);
std::optional<std::uint64_t> decode_cancel(ByteView bytes);
std::optional<DataMessage> decode_data(ByteView bytes);
std::optional<NoDataMessage> decode_no_data(ByteView bytes);
std::optional<WantMessage> decode_want(ByteView bytes);
std::optional<store::BitfieldWords> decode_bitfield(ByteView bytes);
std::optional<RangeMessage> decode_range(ByteView bytes);
std::optional<ExtensionMessage> decode_extension(ByteView bytes);

}  // namespace cip::overlay
