#include "store/table_backend.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "store/page_codec.hpp"
#include "store/records.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace {

Bytes u32_value(std::uint32_t value) {
  Writer out;
  out.u32(value);
  return out.take();
}
std::optional<std::uint32_t> u32_of(ByteView bytes) {
  Reader in(bytes);
  const auto value = in.u32();
  if (!in.ok() || in.remaining() != 0) return std::nullopt;
  return value;
}

Result<FeedRecord> decode_feed_record(ByteView bytes) {
  auto record = load_record<FeedRecord>(bytes, kFeedRecordVersion);
  if (!record) return fail(Errc::corrupt);
  return record;
}

void put_record_entries(TableBatch& batch, const FeedRecord& record) {
  batch.put(Table::meta, keys::feed(record.number), save_record(kFeedRecordVersion, record));
  if (!record.name.empty()) {
    batch.put(Table::meta, keys::feed_name(record.name), u32_value(record.number));
  }
  if (record.topic) batch.put(Table::meta, keys::topic_feed(*record.topic, record.number), {});
}

void erase_record_entries(TableBatch& batch, const FeedRecord& record) {
  batch.erase(Table::meta, keys::feed(record.number));
  if (!record.name.empty()) batch.erase(Table::meta, keys::feed_name(record.name));
  if (record.topic) batch.erase(Table::meta, keys::topic_feed(*record.topic, record.number));
}

void put_pages(TableBatch& batch, FeedNumber feed, char kind,
               const std::vector<BitfieldPage>& pages) {
  for (const auto& page : pages) {
    const auto empty =
        std::all_of(page.bits.begin(), page.bits.end(), [](auto b) { return b == 0; });
    auto key = keys::page(feed, kind, page.number);
    if (empty) {
      batch.erase(Table::feeds, std::move(key));
    } else {
      batch.put(Table::feeds, std::move(key), encode_page(page.bits));
    }
  }
}

// Pages behind a truncation that the commit does not name hold only bits of what it deletes; the
// feed names every page that changed, so nothing is to be done for them here.
TableBatch batch_of(const CommitOp& op) {
  TableBatch batch;
  batch.commit = &op;
  batch.sync = op.sync;
  if (op.manifest) {
    batch.put(Table::feeds, keys::manifest(op.feed), encode_manifest(*op.manifest));
  }
  if (op.head) batch.put(Table::feeds, keys::head(op.feed), save_record(kHeadVersion, *op.head));
  if (op.equivocation) {
    batch.put(Table::feeds, keys::equivocation(op.feed),
              save_record(kEquivocationVersion, *op.equivocation));
  }
  put_pages(batch, op.feed, keys::kBlockPages, op.block_pages);
  put_pages(batch, op.feed, keys::kNodePages, op.node_pages);
  return batch;
}

// Takes one entry of the feeds table into the state of its feed.
Result<void> load_entry(FeedState& state, const TableEntry& entry) {
  constexpr std::size_t kKindAt = 4;
  if (entry.key.size() <= kKindAt) return fail(Errc::corrupt);
  const auto kind = static_cast<char>(entry.key[kKindAt]);
  if (kind == 'h') {
    auto head = load_record<FeedHead>(entry.value, kHeadVersion);
    if (!head) return fail(Errc::corrupt);
    state.head = std::move(*head);
  } else if (kind == 'm') {
    auto manifest = decode_manifest(entry.value);
    if (!manifest) return fail(Errc::corrupt);
    state.manifest = std::move(*manifest);
  } else if (kind == 'e') {
    auto evidence = load_record<Equivocation>(entry.value, kEquivocationVersion);
    if (!evidence) return fail(Errc::corrupt);
    state.equivocation = std::move(*evidence);
  } else {
    if (entry.key.size() != kKindAt + 1 + 8) return fail(Errc::corrupt);
    if (kind != keys::kBlockPages && kind != keys::kNodePages) return fail(Errc::corrupt);
    auto& pages = kind == keys::kBlockPages ? state.block_pages : state.node_pages;
    auto& page = pages.emplace_back();
    page.number = keys::number_at_end<std::uint64_t>(entry.key);
    if (!decode_page(entry.value, page.bits)) return fail(Errc::corrupt);
  }
  return {};
}

}  // namespace

Result<void> TableBackend::initialise(Random& random, bool was_made) {
  const auto format = get(Table::meta, keys::format());
  if (!format) return fail(format.error());
  if (!*format) {
    const auto entries = scan(Table::meta, {});
    if (!entries) return fail(entries.error());
    if (!entries->empty()) return fail(Errc::unknown_format);
    if (was_made) return fail(Errc::corrupt);
    instance_ = random.bytes<16>();
    TableBatch batch;
    batch.put(Table::meta, keys::format(), u32_value(kStoreFormat));
    batch.put(Table::meta, keys::instance(), to_bytes(instance_));
    batch.put(Table::meta, keys::next_feed(), u32_value(1));
    batch.sync = true;
    return write(batch);
  }
  const auto version = u32_of(**format);
  if (!version) return fail(Errc::corrupt);
  if (*version != kStoreFormat) return fail(Errc::unknown_format);
  const auto instance = get(Table::meta, keys::instance());
  if (!instance) return fail(instance.error());
  if (!*instance || (*instance)->size() != instance_.size()) return fail(Errc::corrupt);
  instance_ = first_bytes<16>(**instance);
  const auto feeds = scan(Table::meta, keys::letter('f'));
  if (!feeds) return fail(feeds.error());
  for (const auto& entry : *feeds) {
    if (entry.key.size() != 5) return fail(Errc::corrupt);
    live_.insert(keys::number_at_end<FeedNumber>(entry.key));
  }
  return {};
}

// --- Contents of feeds ---

Result<void> TableBackend::commit(const CommitOp& op) {
  const auto batch = batch_of(op);
  std::shared_lock live(live_mutex_);
  if (!is_live(op.feed)) return fail(Errc::not_found);
  return write(batch);
}

Result<ReadResult> TableBackend::read(const ReadOp& op) {
  std::shared_lock live(live_mutex_);
  if (!is_live(op.feed)) return fail(Errc::not_found);
  return read_runs(op);
}

Result<FeedState> TableBackend::load_feed(FeedNumber feed) {
  const auto record = find_feed(feed);
  if (!record) return fail(record.error());
  const auto entries = scan(Table::feeds, keys::feed_contents(feed));
  if (!entries) return fail(entries.error());
  FeedState state;
  state.feed = feed;
  state.key = record->key;
  state.compat = record->compat;
  for (const auto& entry : *entries) {
    if (auto loaded = load_entry(state, entry); !loaded) return fail(loaded.error());
  }
  return state;
}

// --- Feed directory ---

Result<std::optional<FeedNumber>> TableBackend::find_number(Bytes key) {
  const auto value = get(Table::meta, key);
  if (!value) return fail(value.error());
  if (!*value) return std::optional<FeedNumber>{};
  const auto number = u32_of(**value);
  if (!number) return fail(Errc::corrupt);
  return std::optional<FeedNumber>{*number};
}

Result<FeedRecord> TableBackend::find_feed_at(Bytes index_key) {
  const auto number = find_number(std::move(index_key));
  if (!number) return fail(number.error());
  if (!*number) return fail(Errc::not_found);
  return find_feed(**number);
}

Result<void> TableBackend::check_new_name(const FeedRecord& record) {
  if (record.name.empty()) return {};
  const auto holder = find_number(keys::feed_name(record.name));
  if (!holder) return fail(holder.error());
  if (*holder && **holder != record.number) return fail(Errc::exists);
  return {};
}

Result<FeedRecord> TableBackend::create_feed(FeedRecord record, std::optional<Manifest> manifest,
                                             std::optional<RingKey> ring) {
  std::lock_guard lock(directory_mutex_);
  const auto taken = find_number(keys::feed_key(record.key));
  if (!taken) return fail(taken.error());
  if (*taken) return fail(Errc::exists);
  const auto next = find_number(keys::next_feed());
  if (!next) return fail(next.error());
  if (!*next || **next == 0) return fail(Errc::corrupt);
  record.number = **next;
  record.discovery_key = discovery_key(record.key);
  if (auto named = check_new_name(record); !named) return fail(named.error());

  TableBatch batch;
  batch.sync = true;
  batch.put(Table::meta, keys::next_feed(), u32_value(record.number + 1));
  batch.put(Table::meta, keys::feed_key(record.key), u32_value(record.number));
  batch.put(Table::meta, keys::discovery_key(record.discovery_key), u32_value(record.number));
  put_record_entries(batch, record);
  if (manifest) {
    batch.put(Table::feeds, keys::manifest(record.number), encode_manifest(*manifest));
  }
  if (ring) batch.put(Table::meta, keys::ring(ring->key), save_record(kRingKeyVersion, *ring));
  if (auto written = write(batch); !written) return fail(written.error());
  std::unique_lock live(live_mutex_);
  live_.insert(record.number);
  return record;
}

Result<FeedRecord> TableBackend::find_feed(FeedNumber feed) {
  const auto value = get(Table::meta, keys::feed(feed));
  if (!value) return fail(value.error());
  if (!*value) return fail(Errc::not_found);
  return decode_feed_record(**value);
}

Result<FeedRecord> TableBackend::find_feed_by_key(const Bytes32& key) {
  return find_feed_at(keys::feed_key(key));
}
Result<FeedRecord> TableBackend::find_feed_by_discovery_key(const Bytes32& key) {
  return find_feed_at(keys::discovery_key(key));
}
Result<FeedRecord> TableBackend::find_feed_by_name(std::string_view name) {
  return find_feed_at(keys::feed_name(name));
}

Result<std::vector<FeedRecord>> TableBackend::list_feeds() {
  const auto entries = scan(Table::meta, keys::letter('f'));
  if (!entries) return fail(entries.error());
  std::vector<FeedRecord> feeds;
  feeds.reserve(entries->size());
  for (const auto& entry : *entries) {
    auto record = decode_feed_record(entry.value);
    if (!record) return fail(record.error());
    feeds.push_back(std::move(*record));
  }
  return feeds;
}

Result<std::vector<FeedRecord>> TableBackend::list_topic_feeds(const Bytes32& topic) {
  const auto entries = scan(Table::meta, keys::topic_feeds(topic));
  if (!entries) return fail(entries.error());
  std::vector<FeedRecord> feeds;
  for (const auto& entry : *entries) {
    auto record = find_feed(keys::number_at_end<FeedNumber>(entry.key));
    if (!record && record.error() == Errc::not_found) continue;  // dropped since the scan
    if (!record) return fail(record.error());
    feeds.push_back(std::move(*record));
  }
  return feeds;
}

Result<void> TableBackend::update_feed(const FeedRecord& record) {
  std::lock_guard lock(directory_mutex_);
  const auto old = find_feed(record.number);
  if (!old) return fail(old.error());
  if (auto named = check_new_name(record); !named) return fail(named.error());
  auto updated = record;
  updated.key = old->key;
  updated.discovery_key = old->discovery_key;
  TableBatch batch;
  erase_record_entries(batch, *old);
  put_record_entries(batch, updated);
  return write(batch);
}

Result<void> TableBackend::drop_feed(FeedNumber feed) {
  std::lock_guard lock(directory_mutex_);
  const auto record = find_feed(feed);
  if (!record) return fail(record.error());
  const auto cursors = scan(Table::topics, keys::letter('c'));
  if (!cursors) return fail(cursors.error());

  TableBatch batch;
  batch.sync = true;
  batch.drop = feed;
  erase_record_entries(batch, *record);
  batch.erase(Table::meta, keys::feed_key(record->key));
  batch.erase(Table::meta, keys::discovery_key(record->discovery_key));
  for (const auto& entry : *cursors) {
    if (keys::number_at_end<FeedNumber>(entry.key) == feed) batch.erase(Table::topics, entry.key);
  }
  if (auto retired = retire_secret(batch, record->key); !retired) return retired;
  std::unique_lock live(live_mutex_);
  if (auto written = write(batch); !written) return written;
  live_.erase(feed);
  return {};
}

// The secret of an own feed goes in the same step: without its feed it would fork it, and a feed
// without its secret would be one that could not be dropped. Of a derived one it stays known that
// its name is spent.
Result<void> TableBackend::retire_secret(TableBatch& batch, const Bytes32& key) {
  const auto ring = find_ring_key(key);
  if (!ring) return fail(ring.error());
  if (!*ring || (!(*ring)->seed && (*ring)->derived_name.empty())) return {};
  RingKey spent;
  spent.key = key;
  spent.derived_name = (*ring)->derived_name;
  spent.dropped = true;
  if (spent.derived_name.empty()) {
    batch.erase(Table::meta, keys::ring(key));
  } else {
    batch.put(Table::meta, keys::ring(key), save_record(kRingKeyVersion, spent));
  }
  return {};
}

}  // namespace cip::store
