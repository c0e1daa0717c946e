#pragma once

// Where a home keeps what must survive: feeds (directory, heads, bitfields, tree nodes, blocks),
// the key ring, topics with the cursors of durable subscribers, DHT records and small named state.
//
// A Backend is a synchronous, thread-safe store: every call may block on a disk and may be made
// from any thread at the same time as any other; `node` makes them from its storage pool, the
// simulator and tests at once. MemoryBackend and RocksBackend pass the same tests.
//
// Guarantees. A commit is atomic: after a crash all of it is there or none. What a call with
// `sync` (or one documented as durable) reported done survives a power cut, together with
// everything done before it. Other writes survive the end of the process but perhaps not that of
// the machine; they vanish from the newest backwards, never from the middle. No call throws.
//
// Errors: those under "What a database may say" in errors.hpp. `full`, `not_writable` and
// `io_failed` of a write leave the database as it was before that write (disk_recovery.hpp).

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "store/errors.hpp"
#include "store/store_op.hpp"

namespace cip::store {

// Version of everything below the database folder; kept in the database and checked on open.
inline constexpr std::uint32_t kStoreFormat = 1;

// 16 random bytes made with the database. Feeds of topics are named by it, so that a home restored
// without its database starts new feeds instead of forking the old ones.
using DatabaseInstance = FixedBytes<16>;

// How the disk quota treats a feed: only cache is evicted. Frozen: on disk.
enum class DiskClass : std::uint8_t { own = 1, kept = 2, cache = 3 };

// The directory entry of a feed: all that is known of it besides its contents. The manifest belongs
// to the contents, since replication may learn it later.
struct FeedRecord {
  FeedNumber number = 0;  // given by create_feed, never reused
  Bytes32 key{};
  Bytes32 discovery_key{};  // of `key`; create_feed fills it in
  std::string name;         // what its owner calls it; empty: no name. Names are unique
  DiskClass disk_class = DiskClass::cache;
  bool writable = false;         // the key ring holds its secret
  bool compat = false;           // known to have no manifest: the key is the public key
  bool seeded = false;           // announced and served while the node runs
  bool is_private = false;       // never announced
  bool encrypted = false;        // blocks are encrypted; the block key is in the key ring
  std::optional<Bytes32> topic;  // id of the topic that this is an author's feed of
  UnixMillis created{};
  UnixMillis used{};  // last read for its user; cache is evicted oldest first
};

// One secret of the key ring. Feeds that are derived keep no seed here, only the name that was
// used: a name whose feed was dropped stays in the ring and is refused later.
struct RingKey {
  Bytes32 key{};                          // the feed key, or the topic id of a private topic
  std::optional<Seed> seed;               // secret of a writer feed with a random key
  std::string derived_name;               // not empty: follows from the primary key and this name
  std::optional<Bytes32> encryption_key;  // encryption key of the feed, or key of a private topic
  bool dropped = false;
};

// A topic that this home takes part in.
struct TopicRecord {
  Bytes32 id{};
  Bytes32 key{};
  std::string name;  // empty: private topic
  UnixMillis created{};
};

// How far a durable subscriber has handled one author's feed: blocks below `length` are done.
struct CursorRecord {
  FeedNumber feed = 0;
  std::uint64_t length = 0;
};

// A value of the DHT that this node stores for others.
struct ExpiringRecord {
  Bytes32 key{};
  Bytes value;
  UnixMillis expires{};
};

struct DiskUsage {
  std::uint64_t bytes = 0;       // files of the database, logs included
  std::uint64_t live_bytes = 0;  // an estimate of what is not garbage yet
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual const DatabaseInstance& instance() const = 0;

  // --- Contents of feeds -----------------------------------------------------------------------

  // Entries come in the order asked for; what is not stored is nullopt. not_found: no such feed.
  [[nodiscard]] virtual Result<ReadResult> read(const ReadOp& op) = 0;
  // Everything of one step in one atomic batch. The caller commits no node or block that is stored
  // already, which is what keeps runs from overlapping, and one commit per feed at a time.
  [[nodiscard]] virtual Result<void> commit(const CommitOp& op) = 0;
  // What Feed::open needs. Reads pages of bits, never blocks: fast however long the feed is.
  [[nodiscard]] virtual Result<FeedState> load_feed(FeedNumber feed) = 0;

  // --- Feed directory --------------------------------------------------------------------------

  // Adds a feed and returns its record with number and discovery key; the number in `record` is
  // ignored. `ring` goes in with it, so that no writer feed exists without its secret. Durable.
  // exists: the key, or the name, is taken.
  [[nodiscard]] virtual Result<FeedRecord> create_feed(FeedRecord record,
                                                       std::optional<Manifest> manifest = {},
                                                       std::optional<RingKey> ring = {}) = 0;
  [[nodiscard]] virtual Result<FeedRecord> find_feed(FeedNumber feed) = 0;
  [[nodiscard]] virtual Result<FeedRecord> find_feed_by_key(const Bytes32& key) = 0;
  [[nodiscard]] virtual Result<FeedRecord> find_feed_by_discovery_key(const Bytes32& key) = 0;
  [[nodiscard]] virtual Result<FeedRecord> find_feed_by_name(std::string_view name) = 0;
  [[nodiscard]] virtual Result<std::vector<FeedRecord>> list_feeds() = 0;  // by number
  [[nodiscard]] virtual Result<std::vector<FeedRecord>> list_topic_feeds(const Bytes32& topic) = 0;
  // Replaces the record with this number; key and discovery key stay as they were. exists: the new
  // name is taken.
  [[nodiscard]] virtual Result<void> update_feed(const FeedRecord& record) = 0;
  // Removes the feed with its contents and its cursors, and the secret of an own feed (of a derived
  // one it stays known that its name is spent). Durable; reclaim() gives the disk back.
  [[nodiscard]] virtual Result<void> drop_feed(FeedNumber feed) = 0;

  // --- Key ring --------------------------------------------------------------------------------

  // Adds or replaces the secret of `ring.key`. Durable.
  [[nodiscard]] virtual Result<void> put_ring_key(const RingKey& ring) = 0;
  [[nodiscard]] virtual Result<void> drop_ring_key(const Bytes32& key) = 0;  // durable
  [[nodiscard]] virtual Result<std::optional<RingKey>> find_ring_key(const Bytes32& key) = 0;
  [[nodiscard]] virtual Result<std::vector<RingKey>> list_ring_keys() = 0;  // by key

  // --- Topics ----------------------------------------------------------------------------------

  [[nodiscard]] virtual Result<void> put_topic(const TopicRecord& topic) = 0;
  [[nodiscard]] virtual Result<std::optional<TopicRecord>> find_topic(const Bytes32& id) = 0;
  [[nodiscard]] virtual Result<std::vector<TopicRecord>> list_topics() = 0;  // by id
  // Forgets the topic and its cursors; its feeds stay.
  [[nodiscard]] virtual Result<void> drop_topic(const Bytes32& id) = 0;
  // The cursors of one durable subscriber; put replaces those of the feeds it names.
  [[nodiscard]] virtual Result<void> put_cursors(const Bytes32& topic, std::string_view subscriber,
                                                 const std::vector<CursorRecord>& cursors) = 0;
  [[nodiscard]] virtual Result<std::vector<CursorRecord>> list_cursors(
      const Bytes32& topic, std::string_view subscriber) = 0;  // by feed

  // --- DHT records -----------------------------------------------------------------------------

  // `table` keeps kinds of records apart, e.g. immutable and mutable values of one network.
  [[nodiscard]] virtual Result<void> put_record(std::string_view table,
                                                const ExpiringRecord& record) = 0;
  [[nodiscard]] virtual Result<std::optional<ExpiringRecord>> find_record(std::string_view table,
                                                                          const Bytes32& key) = 0;
  [[nodiscard]] virtual Result<void> drop_record(std::string_view table, const Bytes32& key) = 0;
  [[nodiscard]] virtual Result<std::vector<ExpiringRecord>> list_records(
      std::string_view table) = 0;  // by key, expired ones too
  // Removes what expired at or before `wall`; returns how many.
  [[nodiscard]] virtual Result<std::size_t> expire_records(UnixMillis wall) = 0;

  // --- Small named state -----------------------------------------------------------------------

  // Whole values under a name, e.g. "contacts/default" (contacts saved per network). `sync`:
  // durable.
  [[nodiscard]] virtual Result<void> put_state(std::string_view name, ByteView value,
                                               bool sync = false) = 0;
  [[nodiscard]] virtual Result<std::optional<Bytes>> find_state(std::string_view name) = 0;
  [[nodiscard]] virtual Result<void> drop_state(std::string_view name) = 0;

  // --- The database as a whole -----------------------------------------------------------------

  // Everything done so far survives a power cut once this returns.
  [[nodiscard]] virtual Result<void> sync() = 0;
  // Drops copies in memory of what is on disk, so that a check meets the disk itself.
  virtual void forget_cached() {}
  // Gives back the disk of what was cleared or cut from a feed, or of a feed that was dropped.
  // Takes from milliseconds to seconds. What cannot be done now is no error and is tried again.
  [[nodiscard]] virtual Result<void> reclaim(FeedNumber feed) = 0;
  [[nodiscard]] virtual Result<DiskUsage> disk_usage() = 0;
};

}  // namespace cip::store
