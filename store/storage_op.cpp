#include "store/storage_op.hpp"

#include <utility>

#include "store/errors.hpp"

namespace cip::store {
namespace {

Result<FeedRecord> find_record(Backend& backend, const OpenFeedOp& op) {
  return op.key ? backend.find_feed_by_key(*op.key) : backend.find_feed_by_name(op.name);
}

Result<OpenFeed> find(Backend& backend, const OpenFeedOp& op) {
  FeedStore feeds(backend, op.primary_key);
  if (op.key && op.create) {
    NewReplica wanted;
    wanted.key = *op.key;
    wanted.disk_class = op.disk_class;
    wanted.topic = op.topic;
    return feeds.open_replica(wanted);
  }
  const auto record = find_record(backend, op);
  if (!record) return fail(record.error());
  return feeds.open(record->number);
}

Result<OpenFeed> perform(Backend& backend, const OpenFeedOp& op) {
  auto opened = find(backend, op);
  if (!opened || !op.encryption_key) return opened;
  if (const auto good = check_encryption_key(*opened, *op.encryption_key); !good)
    return fail(good.error());
  return opened;
}

Result<OpenFeed> perform(Backend& backend, const CreateFeedOp& op) {
  return FeedStore(backend, op.primary_key).create(op.wanted, op.fresh);
}

Result<std::vector<FeedRecord>> perform(Backend& backend, const ListFeedsOp&) {
  return backend.list_feeds();
}

Result<void> perform(Backend& backend, const UpdateFeedOp& op) {
  return backend.update_feed(op.record);
}

Result<void> perform(Backend& backend, const DropFeedOp& op) {
  return FeedStore(backend, op.primary_key).drop(op.feed);
}

Result<void> perform(Backend& backend, const EvictFeedOp& op) { return backend.drop_feed(op.feed); }

Result<void> perform(Backend& backend, const ReclaimOp& op) { return backend.reclaim(op.feed); }

Result<void> perform(Backend&, const BarrierOp&) { return {}; }

Result<void> perform(Backend& backend, const ForgetCachedOp&) {
  backend.forget_cached();
  return {};
}

Result<std::vector<DiskShare>> perform(Backend& backend, const ListSharesOp&) {
  const auto records = backend.list_feeds();
  if (!records) return fail(records.error());
  std::vector<DiskShare> out;
  for (const auto& record : *records) {
    const auto state = backend.load_feed(record.number);
    if (!state) continue;
    // Feeds of topics are about to be opened with them.
    const bool of_topic = record.topic.has_value();
    out.push_back({record.number, record.disk_class, held_bytes(*state), record.used, of_topic,
                   of_topic && !record.writable});
  }
  return out;
}

Result<std::optional<RingKey>> perform(Backend& backend, const FindRingKeyOp& op) {
  return backend.find_ring_key(op.key);
}

Result<Bytes> perform(Backend& backend, const ExportIdentityOp& op) {
  return export_identity(backend, op.primary_key);
}

Result<Imported> perform(Backend& backend, const ImportIdentityOp& op) {
  return import_identity(backend, op.given);
}

Result<std::vector<TopicRecord>> perform(Backend& backend, const ListTopicsOp&) {
  return backend.list_topics();
}

Result<StoredTopic> perform(Backend& backend, const OpenTopicOp& op) {
  const auto known = backend.find_topic(op.record.id);
  if (!known) return fail(known.error());
  if (!*known) {
    if (const auto added = backend.put_topic(op.record); !added) return fail(added.error());
  }
  auto feeds = backend.list_topic_feeds(op.record.id);
  if (!feeds) return fail(feeds.error());
  StoredTopic out{std::move(*feeds), {}};
  for (const auto& name : op.states)
    out.states.push_back(backend.find_state(name).value_or(std::nullopt));
  return out;
}

Result<std::optional<TopicRecord>> perform(Backend& backend, const CheckTopicOp& op) {
  if (const auto writable = backend.sync(); !writable && writable.error() != Errc::full)
    return fail(writable.error());
  return backend.find_topic(op.id);
}

Result<void> perform(Backend& backend, const DropTopicOp& op) {
  for (const auto& name : op.states) static_cast<void>(backend.drop_state(name));
  return backend.drop_topic(op.id);
}

Result<std::map<Bytes32, std::uint64_t>> perform(Backend& backend, const ReadCursorsOp& op) {
  const auto records = backend.list_cursors(op.topic, op.subscriber);
  if (!records) return fail(records.error());
  std::map<Bytes32, std::uint64_t> out;
  for (const auto& record : *records) {
    if (const auto feed = backend.find_feed(record.feed)) out[feed->key] = record.length;
  }
  return out;
}

Result<void> perform(Backend& backend, const WriteCursorsOp& op) {
  if (op.cursors.empty()) return {};
  return backend.put_cursors(op.topic, op.subscriber, op.cursors);
}

Result<void> perform(Backend& backend, const WriteRecordsOp& op) {
  for (const auto& write : op.writes) {
    auto done = write.value
                    ? backend.put_record(write.table, {write.key, *write.value, write.expires})
                    : backend.drop_record(write.table, write.key);
    if (!done) return done;
  }
  return {};
}

Result<std::uint64_t> perform(Backend& backend, const TidyRecordsOp& op) {
  if (const auto expired = backend.expire_records(op.wall); !expired) return fail(expired.error());
  std::uint64_t bytes = 0;
  for (const auto& table : op.tables) {
    const auto records = backend.list_records(table);
    if (!records) return fail(records.error());
    for (const auto& record : *records) {
      if (record.expires > op.latest) {
        if (auto gone = backend.drop_record(table, record.key); !gone) return fail(gone.error());
      } else {
        bytes += op.overhead + record.value.size();
      }
    }
  }
  return bytes;
}

Result<void> perform(Backend& backend, const PutStateOp& op) {
  return backend.put_state(op.name, op.value, op.sync);
}

Result<void> perform(Backend& backend, const DropStateOp& op) {
  return backend.drop_state(op.name);
}

Result<void> perform(Backend& backend, const TryWriteOp&) {
  constexpr std::string_view kName = "health";
  auto tried = backend.put_state(kName, bytes_of("ok"));
  return tried ? backend.drop_state(kName) : tried;
}

}  // namespace

StorageAnswer run(Backend& backend, const StorageOp& op) {
  return std::visit([&](const auto& wanted) { return StorageAnswer(perform(backend, wanted)); },
                    op);
}

}  // namespace cip::store
