// The small tables of a TableBackend: key ring, topics, cursors, records, state.

#include "store/records.hpp"
#include "store/table_backend.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace {

template <typename T>
Result<std::optional<T>> decode_optional(const Result<std::optional<Bytes>>& value,
                                         std::uint8_t version) {
  if (!value) return fail(value.error());
  if (!*value) return std::optional<T>{};
  auto record = load_record<T>(**value, version);
  if (!record) return fail(Errc::corrupt);
  return std::optional<T>{std::move(*record)};
}

template <typename T>
Result<std::vector<T>> decode_all(const Result<std::vector<TableEntry>>& entries,
                                  std::uint8_t version) {
  if (!entries) return fail(entries.error());
  std::vector<T> out;
  out.reserve(entries->size());
  for (const auto& entry : *entries) {
    auto record = load_record<T>(entry.value, version);
    if (!record) return fail(Errc::corrupt);
    out.push_back(std::move(*record));
  }
  return out;
}

Result<ExpiringRecord> decode_expiring(const TableEntry& entry) {
  auto record = load_record<ExpiringRecord>(entry.value, kExpiringVersion);
  if (!record || entry.key.size() < 32) return fail(Errc::corrupt);
  record->key = first_bytes<32>(ByteView(entry.key).last(32));
  return record;
}

}  // namespace

// --- Key ring ---

Result<void> TableBackend::put_ring_key(const RingKey& ring) {
  TableBatch batch;
  batch.sync = true;
  batch.put(Table::meta, keys::ring(ring.key), save_record(kRingKeyVersion, ring));
  return write(batch);
}

Result<void> TableBackend::drop_ring_key(const Bytes32& key) {
  TableBatch batch;
  batch.sync = true;
  batch.erase(Table::meta, keys::ring(key));
  return write(batch);
}

Result<std::optional<RingKey>> TableBackend::find_ring_key(const Bytes32& key) {
  return decode_optional<RingKey>(get(Table::meta, keys::ring(key)), kRingKeyVersion);
}

Result<std::vector<RingKey>> TableBackend::list_ring_keys() {
  return decode_all<RingKey>(scan(Table::meta, keys::letter('r')), kRingKeyVersion);
}

// --- Topics ---

Result<void> TableBackend::put_topic(const TopicRecord& topic) {
  TableBatch batch;
  batch.sync = true;
  batch.put(Table::topics, keys::topic(topic.id), save_record(kTopicVersion, topic));
  return write(batch);
}

Result<std::optional<TopicRecord>> TableBackend::find_topic(const Bytes32& id) {
  return decode_optional<TopicRecord>(get(Table::topics, keys::topic(id)), kTopicVersion);
}

Result<std::vector<TopicRecord>> TableBackend::list_topics() {
  return decode_all<TopicRecord>(scan(Table::topics, keys::letter('t')), kTopicVersion);
}

Result<void> TableBackend::drop_topic(const Bytes32& id) {
  const auto cursors = scan(Table::topics, keys::topic_cursors(id));
  if (!cursors) return fail(cursors.error());
  TableBatch batch;
  batch.sync = true;
  batch.erase(Table::topics, keys::topic(id));
  for (const auto& entry : *cursors) batch.erase(Table::topics, entry.key);
  return write(batch);
}

Result<void> TableBackend::put_cursors(const Bytes32& topic, std::string_view subscriber,
                                       const std::vector<CursorRecord>& cursors) {
  TableBatch batch;
  for (const auto& cursor : cursors) {
    Writer length;
    length.u64(cursor.length);
    batch.put(Table::topics, keys::cursor(topic, subscriber, cursor.feed), length.take());
  }
  return write(batch);
}

Result<std::vector<CursorRecord>> TableBackend::list_cursors(const Bytes32& topic,
                                                             std::string_view subscriber) {
  const auto entries = scan(Table::topics, keys::cursors(topic, subscriber));
  if (!entries) return fail(entries.error());
  std::vector<CursorRecord> cursors;
  for (const auto& entry : *entries) {
    Reader in(entry.value);
    cursors.push_back({keys::number_at_end<FeedNumber>(entry.key), in.u64()});
    if (!in.ok()) return fail(Errc::corrupt);
  }
  return cursors;
}

// --- DHT records ---

Result<void> TableBackend::put_record(std::string_view table, const ExpiringRecord& record) {
  TableBatch batch;
  batch.put(Table::records, keys::record(table, record.key), save_record(kExpiringVersion, record));
  std::lock_guard lock(records_mutex_);
  return write(batch);
}

Result<std::optional<ExpiringRecord>> TableBackend::find_record(std::string_view table,
                                                                const Bytes32& key) {
  auto record = decode_optional<ExpiringRecord>(get(Table::records, keys::record(table, key)),
                                                kExpiringVersion);
  if (record && *record) (*record)->key = key;
  return record;
}

Result<void> TableBackend::drop_record(std::string_view table, const Bytes32& key) {
  TableBatch batch;
  batch.erase(Table::records, keys::record(table, key));
  return write(batch);
}

Result<std::vector<ExpiringRecord>> TableBackend::list_records(std::string_view table) {
  const auto entries = scan(Table::records, keys::records(table));
  if (!entries) return fail(entries.error());
  std::vector<ExpiringRecord> records;
  records.reserve(entries->size());
  for (const auto& entry : *entries) {
    auto record = decode_expiring(entry);
    if (!record) return fail(record.error());
    records.push_back(std::move(*record));
  }
  return records;
}

Result<std::size_t> TableBackend::expire_records(UnixMillis wall) {
  std::lock_guard lock(records_mutex_);
  const auto entries = scan(Table::records, {});
  if (!entries) return fail(entries.error());
  TableBatch batch;
  for (const auto& entry : *entries) {
    const auto record = decode_expiring(entry);
    if (!record) return fail(record.error());
    if (record->expires <= wall) batch.erase(Table::records, entry.key);
  }
  const auto expired = batch.changes.size();
  if (expired == 0) return expired;
  if (auto written = write(batch); !written) return fail(written.error());
  return expired;
}

// --- Small named state ---

Result<void> TableBackend::put_state(std::string_view name, ByteView value, bool durable) {
  TableBatch batch;
  batch.sync = durable;
  batch.put(Table::meta, keys::state(name), to_bytes(value));
  return write(batch);
}

Result<std::optional<Bytes>> TableBackend::find_state(std::string_view name) {
  return get(Table::meta, keys::state(name));
}

Result<void> TableBackend::drop_state(std::string_view name) {
  TableBatch batch;
  batch.erase(Table::meta, keys::state(name));
  return write(batch);
}

}  // namespace cip::store
