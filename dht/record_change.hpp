#pragma once

// What changes in the records that are stored for others, for a copy on disk: the cache says what
// it wrote and what it let go, the owner of the disk keeps that, and gives it back after a restart.
//
// The bytes of a value stay on this machine (base/archive.hpp); its key says where it belongs.
// Bumps and refresh hashes are not copied: a topic without bump is served all the same, and a
// client whose refresh is unknown announces anew.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "dht/node_id.hpp"
#include "dht/payloads.hpp"

namespace cip::dht {

// The number of the format of all values below.
inline constexpr std::uint8_t kRecordVersion = 1;

// Frozen: on disk under these names.
enum class RecordTable : std::uint8_t { records, forwards, mutables, immutables };
inline constexpr std::array kRecordTables{RecordTable::records, RecordTable::forwards,
                                          RecordTable::mutables, RecordTable::immutables};
// "immutables"
std::string_view name_of(RecordTable table);

struct RecordChange {
  RecordTable table{};
  Bytes32 key{};               // the target; of a record H(topic, public key)
  std::optional<Bytes> value;  // nothing: gone
  UnixMillis expires{};        // when it is forgotten unless it is written or read again
};

// An announce on a topic, and one of oneself with the relay it came from.
struct SavedRecord {
  Target topic{};
  Peer peer;
};
struct SavedForward {
  Endpoint relay;
  Peer peer;
};

Bytes32 record_key(const Target& topic, const PublicKey& key);
Bytes save(const SavedRecord& record);
Bytes save(const SavedForward& forward);
Bytes save(const MutableValue& value);
Bytes save(const Bytes& immutable);
// Nothing for bytes that are not of this version, or broken.
std::optional<SavedRecord> load_saved_record(ByteView bytes);
std::optional<SavedForward> load_saved_forward(ByteView bytes);
std::optional<MutableValue> load_saved_mutable(ByteView bytes);
std::optional<Bytes> load_saved_immutable(ByteView bytes);

}  // namespace cip::dht
