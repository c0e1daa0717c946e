#include "store/feed_store.hpp"

#include "base/assert.hpp"
#include "base/text.hpp"

namespace cip::store {

std::optional<BlockCipher> OpenFeed::cipher() const {
  if (!encryption_key) return std::nullopt;
  return BlockCipher(derive_block_key(record.key, *encryption_key, feed.is_compat()));
}

std::string restored_state(const Bytes32& feed_key) { return "restored/" + to_hex(feed_key); }

Result<void> mark_as_restored(Backend& backend, const Bytes32& feed_key) {
  return backend.put_state(restored_state(feed_key), bytes_of("1"));
}

Result<void> check_encryption_key(const OpenFeed& opened, const Bytes32& key) {
  const auto& known = opened.encryption_key;
  if (known && !equal_secret(*known, key)) return fail(Errc::wrong_encryption_key);
  if (!known && opened.signer) return fail(Errc::not_encrypted);
  return {};
}

Result<OpenFeed> FeedStore::create(const NewWriter& wanted, const FreshSecrets& fresh) {
  CIP_ASSERT(!wanted.derived || !wanted.name.empty());
  CIP_ASSERT(!wanted.derived || !wanted.topic);
  const auto key_pair =
      wanted.derived ? derive_feed_key_pair(primary_key_, wanted.name) : make_key_pair(fresh.seed);
  std::optional<Manifest> manifest;
  if (!wanted.compat) manifest = single_signer_manifest(key_pair.public_key);

  FeedRecord record;
  record.key = manifest ? manifest_key(*manifest) : key_pair.public_key;
  record.name = wanted.name;
  record.disk_class = DiskClass::own;
  record.writable = true;
  record.compat = wanted.compat;
  record.is_private = wanted.is_private;
  record.encrypted = wanted.encrypted;
  record.topic = wanted.topic;
  record.created = wanted.created;
  record.used = wanted.created;

  const auto spent = ring_.is_spent(record.key);
  if (!spent) return fail(spent.error());
  if (*spent) return fail(Errc::spent_name);

  RingKey secret;
  secret.key = record.key;
  if (wanted.derived) {
    secret.derived_name = wanted.name;
  } else {
    secret.seed = fresh.seed;
  }
  if (wanted.encrypted) secret.encryption_key = fresh.encryption_key;
  auto made = backend_.create_feed(std::move(record), std::move(manifest), std::move(secret));
  if (!made) return fail(made.error());
  return open(std::move(*made));
}

Result<OpenFeed> FeedStore::open(FeedNumber feed) {
  auto record = backend_.find_feed(feed);
  if (!record) return fail(record.error());
  return open(std::move(*record));
}

Result<OpenFeed> FeedStore::open(const Bytes32& key) {
  auto record = backend_.find_feed_by_key(key);
  if (!record) return fail(record.error());
  return open(std::move(*record));
}

Result<OpenFeed> FeedStore::open(FeedRecord record) {
  auto state = backend_.load_feed(record.number);
  if (!state) return fail(state.error());
  auto feed = Feed::open(std::move(*state));
  if (!feed) return fail(feed.error());
  const auto signer = ring_.find_signer(record.key);
  if (!signer) return fail(signer.error());
  const auto encryption_key = ring_.find_encryption_key(record.key);
  if (!encryption_key) return fail(encryption_key.error());
  const auto mark = signer->has_value() ? backend_.find_state(restored_state(record.key))
                                        : Result<std::optional<Bytes>>();
  if (!mark) return fail(mark.error());
  return OpenFeed{std::move(record), std::move(*feed), *signer, *encryption_key, mark->has_value()};
}

Result<OpenFeed> FeedStore::open_replica(const NewReplica& wanted) {
  auto here = open(wanted.key);
  if (here || here.error() != Errc::not_found) return here;
  FeedRecord record;
  record.key = wanted.key;
  record.disk_class = wanted.disk_class;
  record.topic = wanted.topic;
  record.created = wanted.created;
  record.used = wanted.created;
  auto made = backend_.create_feed(std::move(record));
  if (!made) return fail(made.error());
  return open(std::move(*made));
}

Result<void> FeedStore::drop(FeedNumber feed) {
  const auto record = backend_.find_feed(feed);
  if (!record) return fail(record.error());
  if (auto dropped = backend_.drop_feed(feed); !dropped) return dropped;
  // The secret of an own feed went with it. The encryption key of a feed of others may stay on a
  // full disk: it reads what is not here.
  static_cast<void>(ring_.retire(record->key));
  static_cast<void>(backend_.drop_state(restored_state(record->key)));
  return {};
}

Result<std::size_t> FeedStore::mark_restored() {
  const auto records = backend_.list_feeds();
  if (!records) return fail(records.error());
  std::size_t count = 0;
  for (const auto& record : *records) {
    if (!record.writable) continue;
    ++count;
    if (auto marked = mark_as_restored(backend_, record.key); !marked) return fail(marked.error());
  }
  if (auto synced = backend_.sync(); !synced) return fail(synced.error());
  return count;
}

}  // namespace cip::store
