#include "store/identity_export.hpp"

#include <algorithm>

#include "store/feed.hpp"
#include "store/feed_store.hpp"
#include "store/key_ring.hpp"
#include "store/records.hpp"

namespace cip::store {

namespace {

constexpr std::string_view kMagic = "cipnode-identity";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kChecksumBytes = sizeof(Bytes32);

Result<ExportedFeed> exported(Backend& backend, FeedRecord record) {
  const auto state = backend.load_feed(record.number);
  if (!state) return fail(state.error());
  ExportedFeed out{std::move(record), {}, false};
  if (state->head) {
    out.frozen = state->head->frozen;
    out.head = {state->head->length, state->head->fork, state->head->roots, state->head->signature};
  }
  return out;
}

std::optional<KeyPair> signer_of(const Bytes32& primary_key, const RingKey& ring) {
  if (ring.dropped) return std::nullopt;
  if (ring.seed) return make_key_pair(*ring.seed);
  if (!ring.derived_name.empty()) return derive_feed_key_pair(primary_key, ring.derived_name);
  return std::nullopt;
}

const RingKey* find_ring(const IdentityExport& given, const Bytes32& key) {
  const auto found = std::ranges::lower_bound(given.ring, key, {}, &RingKey::key);
  return found == given.ring.end() || found->key != key ? nullptr : &*found;
}

// The secret of an own feed, if it is that of its key.
Result<std::optional<Manifest>> manifest_of(const IdentityExport& given, const FeedRecord& record) {
  const auto* ring = find_ring(given, record.key);
  const auto signer = ring ? signer_of(given.primary_key, *ring) : std::nullopt;
  if (!signer) return fail(Errc::corrupt);
  std::optional<Manifest> manifest;
  if (!record.compat) manifest = single_signer_manifest(signer->public_key);
  if ((manifest ? manifest_key(*manifest) : signer->public_key) != record.key) {
    return fail(Errc::corrupt);
  }
  return manifest;
}

// What brings an empty feed to the head, checked like the proof of a stranger; nothing for a feed
// that was empty.
Result<std::optional<CommitOp>> commit_of(const ExportedFeed& exported,
                                          const std::optional<Manifest>& manifest) {
  std::optional<CommitOp> out;
  if (exported.head.length == 0 && exported.head.fork == 0) return out;
  FeedState empty;
  empty.feed = 1;
  empty.key = exported.record.key;
  empty.compat = exported.record.compat;
  empty.manifest = manifest;
  auto feed = Feed::open(std::move(empty));
  if (!feed) return fail(feed.error());
  feed->allow_forks(true);
  Proof proof;
  proof.fork = exported.head.fork;
  proof.upgrade = UpgradePart{.start = 0,
                              .length = exported.head.length,
                              .nodes = exported.head.roots,
                              .additional = {},
                              .signature = exported.head.signature};
  feed->apply(std::move(proof));
  while (auto op = feed->poll_store_op()) {
    const auto* commit = std::get_if<CommitPtr>(&op->op);
    if (!commit) return fail(Errc::corrupt);
    out = **commit;
    feed->handle_store_done(op->id, ReadResult{});
  }
  if (!out || feed->length() != exported.head.length || feed->fork() != exported.head.fork) {
    return fail(Errc::corrupt);
  }
  if (out->head) out->head->frozen = exported.frozen;
  return out;
}

bool reads_feeds(Reader& in, IdentityExport& out) {
  for (auto left = in.count(3); left > 0 && in.ok(); --left) {
    auto record = load_record<FeedRecord>(in.buffer(), kFeedRecordVersion);
    auto head = load_record<SignedHead>(in.buffer(), kHeadVersion);
    const bool frozen = in.boolean();
    if (!record || !head || !record->writable) return false;
    out.feeds.push_back({std::move(*record), std::move(*head), frozen});
  }
  return in.ok();
}

bool reads_secrets(Reader& in, IdentityExport& out) {
  for (auto left = in.count(1); left > 0 && in.ok(); --left) {
    auto ring = load_record<RingKey>(in.buffer(), kRingKeyVersion);
    if (!ring) return false;
    out.ring.push_back(std::move(*ring));
  }
  for (auto left = in.count(1); left > 0 && in.ok(); --left) {
    auto topic = load_record<TopicRecord>(in.buffer(), kTopicVersion);
    if (!topic) return false;
    out.topics.push_back(std::move(*topic));
  }
  return in.ok() && in.remaining() == 0 && std::ranges::is_sorted(out.ring, {}, &RingKey::key);
}

// The directory entry of a feed whose contents are elsewhere. That it was made at no time says that
// this home did not make it: others are asked for its length before it is appended to.
FeedRecord record_here(const FeedRecord& exported) {
  auto record = exported;
  record.number = 0;
  record.disk_class = DiskClass::own;
  record.created = {};
  record.used = {};
  return record;
}

// Adds a feed, or makes a feed of others that is here an own one.
Result<FeedRecord> place(Backend& backend, const FeedRecord& wanted,
                         const std::optional<Manifest>& manifest, const RingKey& secret,
                         Imported& out) {
  auto record = record_here(wanted);
  if (!record.name.empty() && backend.find_feed_by_name(record.name)) {
    record.name.clear();
    ++out.renamed;
  }
  const auto here = backend.find_feed_by_key(record.key);
  if (!here && here.error() != Errc::not_found) return fail(here.error());
  if (!here) return backend.create_feed(record, manifest, secret);
  record.number = here->number;
  // The secret first: a feed that says it can be written can be.
  if (auto put = backend.put_ring_key(secret); !put) return fail(put.error());
  if (auto updated = backend.update_feed(record); !updated) return fail(updated.error());
  return record;
}

Result<void> import_feed(Backend& backend, const IdentityExport& given, const ExportedFeed& feed,
                         Imported& out) {
  const auto manifest = manifest_of(given, feed.record);
  if (!manifest) return fail(manifest.error());
  auto commit = commit_of(feed, *manifest);
  if (!commit) return fail(commit.error());
  auto here = backend.find_feed_by_key(feed.record.key);
  if (!here && here.error() != Errc::not_found) return fail(here.error());
  const bool is_new = !here || !here->writable;
  if (is_new) {
    // The mark first: the home that the file is from may have appended since.
    if (auto marked = mark_as_restored(backend, feed.record.key); !marked) return marked;
    here = place(backend, feed.record, *manifest, *find_ring(given, feed.record.key), out);
  }
  if (!here) return fail(here.error());
  const auto state = backend.load_feed(here->number);
  if (!state) return fail(state.error());
  CommitOp op;
  if (*commit && !state->head) op = std::move(**commit);
  // A feed of others that never met its writer has none.
  if (!state->manifest) op.manifest = *manifest;
  if (op.head || op.manifest) {
    op.feed = here->number;
    op.sync = true;
    if (auto done = backend.commit(op); !done) return fail(done.error());
  }
  if (is_new) out.feeds.push_back(feed.record.key);
  return {};
}

}  // namespace

Result<Bytes> export_identity(Backend& backend, const Bytes32& primary_key) {
  const auto records = backend.list_feeds();
  const auto ring = backend.list_ring_keys();
  const auto topics = backend.list_topics();
  if (!records) return fail(records.error());
  if (!ring) return fail(ring.error());
  if (!topics) return fail(topics.error());
  std::vector<ExportedFeed> feeds;
  for (const auto& record : *records) {
    if (!record.writable) continue;
    auto feed = exported(backend, record);
    if (!feed) return fail(feed.error());
    feeds.push_back(std::move(*feed));
  }
  Writer out;
  out.raw(bytes_of(kMagic));
  out.u8(kVersion);
  out.raw(primary_key);
  out.uint(feeds.size());
  for (const auto& feed : feeds) {
    out.buffer(save_record(kFeedRecordVersion, feed.record));
    out.buffer(save_record(kHeadVersion, feed.head));
    out.boolean(feed.frozen);
  }
  out.uint(ring->size());
  for (const auto& key : *ring) out.buffer(save_record(kRingKeyVersion, key));
  out.uint(topics->size());
  for (const auto& topic : *topics) out.buffer(save_record(kTopicVersion, topic));
  const auto checksum = hash(out.view());
  out.raw(checksum);
  return out.take();
}

Result<IdentityExport> parse_identity_export(ByteView bytes) {
  const auto start = bytes.first(std::min(bytes.size(), kMagic.size()));
  if (!equal(start, bytes_of(kMagic))) return fail(Errc::unknown_format);
  if (bytes.size() <= kMagic.size() + kChecksumBytes) return fail(Errc::corrupt);
  const auto body = bytes.first(bytes.size() - kChecksumBytes);
  if (!equal(hash(body), bytes.last(kChecksumBytes))) return fail(Errc::corrupt);
  Reader in(body.subspan(kMagic.size()));
  if (in.u8() != kVersion) return fail(Errc::unknown_format);
  IdentityExport out;
  out.primary_key = in.fixed32();
  if (!in.ok() || !reads_feeds(in, out) || !reads_secrets(in, out)) return fail(Errc::corrupt);
  for (const auto& feed : out.feeds) {
    const auto manifest = manifest_of(out, feed.record);
    if (!manifest) return fail(manifest.error());
    if (auto commit = commit_of(feed, *manifest); !commit) return fail(Errc::corrupt);
  }
  return out;
}

Result<Imported> import_identity(Backend& backend, const IdentityExport& given) {
  Imported out;
  for (const auto& feed : given.feeds) {
    if (auto done = import_feed(backend, given, feed, out); !done) return fail(done.error());
  }
  for (const auto& ring : given.ring) {
    const auto known = backend.find_ring_key(ring.key);
    if (!known) return fail(known.error());
    if (*known) continue;
    if (auto put = backend.put_ring_key(ring); !put) return fail(put.error());
    ++out.keys;
  }
  for (const auto& topic : given.topics) {
    const auto known = backend.find_topic(topic.id);
    if (!known) return fail(known.error());
    if (*known) continue;
    if (auto put = backend.put_topic(topic); !put) return fail(put.error());
    out.topics.push_back(topic);
  }
  if (auto done = backend.sync(); !done) return fail(done.error());
  return out;
}

}  // namespace cip::store
