#include "dht/record_change.hpp"

#include "base/archive.hpp"
#include "base/crypto.hpp"

namespace cip::dht {

// At namespace scope, so that the archives find them.
template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, Peer& peer) {
  archive(peer.public_key, peer.relay_addresses);
}
template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, SavedRecord& record) {
  archive(record.topic, record.peer);
}
template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, SavedForward& forward) {
  archive(forward.relay, forward.peer);
}
template <typename Archive>
void CEREAL_SERIALIZE_FUNCTION_NAME(Archive& archive, MutableValue& value) {
  archive(value.seq, value.value, value.signature);
}

namespace {

template <typename T>
std::optional<T> load(ByteView bytes) {
  auto loaded = load_record<T>(bytes, kRecordVersion);
  return loaded ? std::optional(std::move(*loaded)) : std::nullopt;
}

}  // namespace

std::string_view name_of(RecordTable table) {
  switch (table) {
    case RecordTable::records:
      return "records";
    case RecordTable::forwards:
      return "forwards";
    case RecordTable::mutables:
      return "mutables";
    case RecordTable::immutables:
      return "immutables";
  }
  return "unknown";
}

Bytes32 record_key(const Target& topic, const PublicKey& key) { return hash({topic, key}); }

Bytes save(const SavedRecord& record) { return save_record(kRecordVersion, record); }
Bytes save(const SavedForward& forward) { return save_record(kRecordVersion, forward); }
Bytes save(const MutableValue& value) { return save_record(kRecordVersion, value); }
Bytes save(const Bytes& immutable) { return save_record(kRecordVersion, immutable); }

std::optional<SavedRecord> load_saved_record(ByteView bytes) { return load<SavedRecord>(bytes); }
std::optional<SavedForward> load_saved_forward(ByteView bytes) { return load<SavedForward>(bytes); }
std::optional<MutableValue> load_saved_mutable(ByteView bytes) { return load<MutableValue>(bytes); }
std::optional<Bytes> load_saved_immutable(ByteView bytes) { return load<Bytes>(bytes); }

}  // namespace cip::dht
