#pragma once

// What is asked of a home's disk besides the operations of feeds (store_op.hpp), as values. Whoever
// asks puts them into StorageRequests (storage_requests.hpp); whoever has a Backend runs them:
// here, at once; in the node, on a pool.
//
// Each names its answer. An operation is one step: what it checks and what it writes are one.

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "store/disk_share.hpp"
#include "store/feed_store.hpp"
#include "store/identity_export.hpp"

namespace cip::store {

// --- Feeds -------------------------------------------------------------------------------------

// Opens a feed by its key, or else by its name. Errors: those of FeedStore::open_replica();
// not_found; wrong_encryption_key and not_encrypted, see check_encryption_key().
struct OpenFeedOp {
  using Answer = Result<OpenFeed>;
  Bytes32 primary_key{};
  std::optional<Bytes32> key;
  std::string name;
  bool create = true;  // a feed of an unknown key is added, as the next two say
  DiskClass disk_class = DiskClass::cache;
  std::optional<Bytes32> topic;
  std::optional<Bytes32> encryption_key;  // of its reader: checked against what is known
};
// FeedStore::create().
struct CreateFeedOp {
  using Answer = Result<OpenFeed>;
  Bytes32 primary_key{};
  NewWriter wanted;
  FreshSecrets fresh;
};
struct ListFeedsOp {
  using Answer = Result<std::vector<FeedRecord>>;  // by number
};
struct UpdateFeedOp {
  using Answer = Result<void>;
  FeedRecord record;
};
// With its secret, where it is an own one: FeedStore::drop().
struct DropFeedOp {
  using Answer = Result<void>;
  Bytes32 primary_key{};
  FeedNumber feed = 0;
};
// Of a feed of others: Backend::drop_feed().
struct EvictFeedOp {
  using Answer = Result<void>;
  FeedNumber feed = 0;
};
struct ReclaimOp {
  using Answer = Result<void>;
  FeedNumber feed = 0;
};
// Nothing: its answer comes behind those of its lane before it.
struct BarrierOp {
  using Answer = Result<void>;
};
struct ForgetCachedOp {
  using Answer = Result<void>;
};
// What each feed takes of the disk; those whose state cannot be read are left out.
struct ListSharesOp {
  using Answer = Result<std::vector<DiskShare>>;
};

// --- Secrets -----------------------------------------------------------------------------------

struct FindRingKeyOp {
  using Answer = Result<std::optional<RingKey>>;
  Bytes32 key{};
};
struct ExportIdentityOp {
  using Answer = Result<Bytes>;
  Bytes32 primary_key{};
};
struct ImportIdentityOp {
  using Answer = Result<Imported>;
  IdentityExport given;
};

// --- Topics ------------------------------------------------------------------------------------

struct ListTopicsOp {
  using Answer = Result<std::vector<TopicRecord>>;  // by id
};
struct StoredTopic {
  std::vector<FeedRecord> feeds;
  std::vector<std::optional<Bytes>> states;  // in the order asked for; nullopt: not there
};
// Adds the topic if it is new, and reads what is kept of it. States that cannot be read are not
// there.
struct OpenTopicOp {
  using Answer = Result<StoredTopic>;
  TopicRecord record;
  std::vector<std::string> states;
};
// Finds a topic that is to be dropped. A disk that is not writable is an error, but a full one.
struct CheckTopicOp {
  using Answer = Result<std::optional<TopicRecord>>;
  Bytes32 id{};
};
struct DropTopicOp {
  using Answer = Result<void>;
  Bytes32 id{};
  std::vector<std::string> states;  // go as well
};
// The cursors of a durable subscriber by feed key; feeds that are gone are left out.
struct ReadCursorsOp {
  using Answer = Result<std::map<Bytes32, std::uint64_t>>;
  Bytes32 topic{};
  std::string subscriber;
};
struct WriteCursorsOp {
  using Answer = Result<void>;
  Bytes32 topic{};
  std::string subscriber;
  std::vector<CursorRecord> cursors;
};

// --- Records and small state -------------------------------------------------------------------

struct RecordWrite {
  std::string table;
  Bytes32 key{};
  std::optional<Bytes> value;  // none: the record goes
  UnixMillis expires{};
};
struct WriteRecordsOp {
  using Answer = Result<void>;
  std::vector<RecordWrite> writes;
};
// Takes away what expired by `wall`, and of `tables` what expires after `latest`.
struct TidyRecordsOp {
  using Answer = Result<std::uint64_t>;  // what the tables hold then: bytes, with `overhead` each
  UnixMillis wall{};
  UnixMillis latest{};
  std::vector<std::string> tables;
  std::uint64_t overhead = 0;
};
struct PutStateOp {
  using Answer = Result<void>;
  std::string name;
  Bytes value;
  bool sync = false;
};
struct DropStateOp {
  using Answer = Result<void>;
  std::string name;
};
// Writes something and takes it away again: whether the database can be written.
struct TryWriteOp {
  using Answer = Result<void>;
};

// -----------------------------------------------------------------------------------------------

using StorageOp =
    std::variant<OpenFeedOp, CreateFeedOp, ListFeedsOp, UpdateFeedOp, DropFeedOp, EvictFeedOp,
                 ReclaimOp, BarrierOp, ForgetCachedOp, ListSharesOp, FindRingKeyOp,
                 ExportIdentityOp, ImportIdentityOp, ListTopicsOp, OpenTopicOp, CheckTopicOp,
                 DropTopicOp, ReadCursorsOp, WriteCursorsOp, WriteRecordsOp, TidyRecordsOp,
                 PutStateOp, DropStateOp, TryWriteOp>;
// Of the type that the operation names.
using StorageAnswer =
    std::variant<Result<void>, Result<OpenFeed>, Result<std::vector<FeedRecord>>,
                 Result<std::vector<DiskShare>>, Result<std::optional<RingKey>>, Result<Bytes>,
                 Result<Imported>, Result<std::vector<TopicRecord>>, Result<StoredTopic>,
                 Result<std::optional<TopicRecord>>, Result<std::map<Bytes32, std::uint64_t>>,
                 Result<std::uint64_t>>;

// Blocks on the disk. From any thread.
StorageAnswer run(Backend& backend, const StorageOp& op);

}  // namespace cip::store
