#pragma once

// The part of a Backend that is the same whatever lies below: directory, key ring, topics, records,
// state, heads and bitfield pages, all kept as entries of ordered tables of bytes. What lies below
// brings the tables and the runs of nodes and blocks (MemoryBackend, RocksBackend).
//
//   table    key                                              value
//   meta     "!format"                                        u32 kStoreFormat
//            "!instance"                                      16 bytes
//            "!next"                                          u32 number of the next feed
//            'f' feed u32                                     FeedRecord
//            'k' feed key 32, 'd' discovery key 32, 'n' name  feed u32
//            't' topic id 32, feed u32                        nothing
//            'r' key 32                                       RingKey
//            's' name                                         bytes of put_state
//   feeds    feed u32, 'h'                                    FeedHead
//            feed u32, 'm'                                    manifest, as hashed
//            feed u32, 'e'                                    Equivocation
//            feed u32, 'b' or 'n', page u64                   page of blocks or nodes
//            (page_codec.hpp)
//   topics   't' topic id 32                                  TopicRecord
//            'c' topic id 32, string subscriber, feed u32     length u64
//   records  string table, key 32                             ExpiringRecord
//
// Numbers in keys are big endian, so that tables are ordered by them; those in values little
// endian. Frozen with kStoreFormat.

#include <mutex>
#include <set>
#include <shared_mutex>

#include "base/random.hpp"
#include "store/backend.hpp"

namespace cip::store {

enum class Table : std::uint8_t { meta = 0, feeds = 1, topics = 2, records = 3 };

struct TableChange {
  Table table = Table::meta;
  Bytes key;
  std::optional<Bytes> value;  // none: the entry goes
};

// One atomic write.
struct TableBatch {
  std::vector<TableChange> changes;
  const CommitOp* commit = nullptr;  // its nodes and blocks, truncation and clearing go in too
  std::optional<FeedNumber> drop;    // everything below this feed goes, the feeds table included
  bool sync = false;

  void put(Table table, Bytes key, Bytes value) {
    changes.push_back({table, std::move(key), std::move(value)});
  }
  void erase(Table table, Bytes key) { changes.push_back({table, std::move(key), std::nullopt}); }
};

struct TableEntry {
  Bytes key;
  Bytes value;
};

class TableBackend : public Backend {
 public:
  const DatabaseInstance& instance() const final { return instance_; }

  Result<void> commit(const CommitOp& op) final;
  Result<ReadResult> read(const ReadOp& op) final;
  Result<FeedState> load_feed(FeedNumber feed) final;

  Result<FeedRecord> create_feed(FeedRecord record, std::optional<Manifest> manifest,
                                 std::optional<RingKey> ring) final;
  Result<FeedRecord> find_feed(FeedNumber feed) final;
  Result<FeedRecord> find_feed_by_key(const Bytes32& key) final;
  Result<FeedRecord> find_feed_by_discovery_key(const Bytes32& key) final;
  Result<FeedRecord> find_feed_by_name(std::string_view name) final;
  Result<std::vector<FeedRecord>> list_feeds() final;
  Result<std::vector<FeedRecord>> list_topic_feeds(const Bytes32& topic) final;
  Result<void> update_feed(const FeedRecord& record) final;
  Result<void> drop_feed(FeedNumber feed) final;

  Result<void> put_ring_key(const RingKey& ring) final;
  Result<void> drop_ring_key(const Bytes32& key) final;
  Result<std::optional<RingKey>> find_ring_key(const Bytes32& key) final;
  Result<std::vector<RingKey>> list_ring_keys() final;

  Result<void> put_topic(const TopicRecord& topic) final;
  Result<std::optional<TopicRecord>> find_topic(const Bytes32& id) final;
  Result<std::vector<TopicRecord>> list_topics() final;
  Result<void> drop_topic(const Bytes32& id) final;
  Result<void> put_cursors(const Bytes32& topic, std::string_view subscriber,
                           const std::vector<CursorRecord>& cursors) final;
  Result<std::vector<CursorRecord>> list_cursors(const Bytes32& topic,
                                                 std::string_view subscriber) final;

  Result<void> put_record(std::string_view table, const ExpiringRecord& record) final;
  Result<std::optional<ExpiringRecord>> find_record(std::string_view table,
                                                    const Bytes32& key) final;
  Result<void> drop_record(std::string_view table, const Bytes32& key) final;
  Result<std::vector<ExpiringRecord>> list_records(std::string_view table) final;
  Result<std::size_t> expire_records(UnixMillis wall) final;

  Result<void> put_state(std::string_view name, ByteView value, bool durable) final;
  Result<std::optional<Bytes>> find_state(std::string_view name) final;
  Result<void> drop_state(std::string_view name) final;

 protected:
  // What the database below does; all of it thread-safe.
  virtual Result<std::optional<Bytes>> get(Table table, ByteView key) = 0;
  // Every entry whose key starts with `prefix`, in order.
  virtual Result<std::vector<TableEntry>> scan(Table table, ByteView prefix) = 0;
  virtual Result<void> write(const TableBatch& batch) = 0;
  virtual Result<ReadResult> read_runs(const ReadOp& op) = 0;

  // Checks the format and loads the instance, or writes both into an empty database, which one that
  // `was_made` must not be. Errors: unknown_format, corrupt.
  Result<void> initialise(Random& random, bool was_made = false);

 private:
  Result<std::optional<FeedNumber>> find_number(Bytes key);
  Result<FeedRecord> find_feed_at(Bytes index_key);
  Result<void> check_new_name(const FeedRecord& record);
  Result<void> retire_secret(TableBatch& batch, const Bytes32& key);
  bool is_live(FeedNumber feed) const { return live_.contains(feed); }

  DatabaseInstance instance_{};
  // Held by whoever changes the directory, from its checks to its write.
  std::mutex directory_mutex_;
  // Held to put or expire records, so that a record is not expired while it is renewed.
  std::mutex records_mutex_;
  // Shared by whoever works on a feed; owned to drop one, so that no late commit revives its rows.
  std::shared_mutex live_mutex_;
  std::set<FeedNumber> live_;
};

}  // namespace cip::store
