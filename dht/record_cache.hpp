#pragma once

// What a persistent node stores for others (dht.md 11).
//
// Every table keeps two generations: an entry is written to the fresh one; every 2/3 of its age the
// fresh one becomes the stale one and the former stale one is forgotten, so an entry lives between
// 2/3 and 4/3 of the age without being touched. Reading moves an entry to the fresh generation,
// except for records. Signatures, tokens and sizes are checked by the caller, before.
//
// Where we differ from npm hyperdht: a repeated announce replaces the record at once; a source
// network has a quota per generation; a full generation drops its farther half from our id instead
// of all that is stale, so that a flood cannot flush what we are responsible for.
//
// Nothing is allocated until the first write.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_id.hpp"
#include "dht/payloads.hpp"
#include "dht/record_change.hpp"

namespace cip::dht {

class RecordCache {
 public:
  struct Options {
    Duration record_age = std::chrono::minutes(20);  // records, forwards, bumps, refreshes
    Duration value_age = std::chrono::hours(48);     // mutables, immutables
    std::size_t max_records = 65'536;                // per generation, of each of the four kinds
    std::size_t max_values = 32'768;                 // per generation, of each of the two kinds
    std::size_t max_records_per_topic = 4'096;
    // Entries that one network may write per generation of a table. Not applied to private and
    // loopback sources.
    std::size_t max_per_ip = 1'024;
    std::size_t max_per_subnet24 = 4'096;
    // A full generation keeps what is closest to the own id; false: it makes room by ending early,
    // as in the stock node.
    bool keep_closest = true;
    // Changes are kept for poll_change(): somebody writes them to a disk.
    bool tell_changes = false;
  };
  // Changes that nobody fetches; beyond that the copy on disk misses some.
  static constexpr std::size_t kMaxChanges = 65'536;
  enum class Stored : std::uint8_t {
    stored,
    over_quota,        // the source has written its share
    too_far,           // the table is full of entries closer to our id
    sequence_reused,   // mutables: another value has this sequence number
    sequence_too_low,  // mutables: a newer value is stored
    unknown,           // refresh: the hash is not remembered
  };
  struct Announce {
    Target target{};
    Peer peer;  // relay addresses are cut to the first 3
    std::optional<Bytes32> refresh;
    std::uint64_t bump = 0;  // unix milliseconds
    Endpoint from;           // the sender as seen here: the relay of an announce of oneself
  };
  struct Forward {
    Endpoint relay;
    Peer peer;
  };
  // Entries in both generations.
  struct Counts {
    std::size_t records = 0;
    std::size_t forwards = 0;
    std::size_t bumps = 0;
    std::size_t refreshes = 0;
    std::size_t mutables = 0;
    std::size_t immutables = 0;
    std::uint64_t refused = 0;  // over quota or too far, since the start
  };

  RecordCache();
  explicit RecordCache(Options options);
  ~RecordCache();
  RecordCache(RecordCache&&) noexcept;
  RecordCache& operator=(RecordCache&&) noexcept;

  // The id that decides what is kept when a table is full.
  void set_id(const NodeId& own_id);

  // If H(public key) is the target it becomes the forward of that key, else a record of the topic.
  // A bump counts if it is greater than the stored one and at most 60 s ahead of now.wall.
  Stored announce(Now now, const Announce& announce);
  // An announce without peer: `value` hashes to a remembered refresh. A hash chain: next time the
  // value must hash to this one.
  Stored refresh(Now now, const Target& target, const Bytes32& value, Endpoint from);
  void unannounce(Now now, const Target& target, const PublicKey& key);

  // Up to 20 records at random, then the forward's record if there is room, and the bump. Nothing
  // when there is neither record nor forward.
  std::optional<LookupReply> lookup(Now now, const Target& target, Random& random);
  // The holder of a key as it announced itself, and the relay that its hellos go to.
  std::optional<Forward> forward(Now now, const Target& target);

  Stored put_mutable(Now now, const Target& target, const MutableValue& value, Endpoint from);
  // Nothing when its sequence number is below min_seq.
  std::optional<MutableValue> get_mutable(Now now, const Target& target, std::uint64_t min_seq);
  Stored put_immutable(Now now, const Target& target, Bytes value, Endpoint from);
  std::optional<Bytes> get_immutable(Now now, const Target& target);

  // What changed since the last call; only with Options::tell_changes. What expires is not told:
  // the copy has the time.
  std::optional<RecordChange> poll_change();
  // An entry of an earlier run, as a change once told it. What is there already stays; broken ones
  // and those past their time are left.
  void restore(Now now, const RecordChange& saved);

  // Lets go of what has expired. Reads and writes do so by themselves; an idle node calls this
  // when next_timeout() is due.
  void expire(Now now);
  std::optional<TimePoint> next_timeout() const;
  void clear();

  Counts counts() const;

 private:
  struct State;
  State& state();
  template <typename Table>
  void tell_written(Now now, RecordTable kind, const Bytes32& key, Bytes value, Table& table);
  template <typename Table>
  void tell_dropped(RecordTable kind, Table& table);
  void tell_gone(RecordTable kind, const Bytes32& key);
  // The record of a peer that announced itself on a topic, or to itself.
  Stored put_record(Now now, const Target& target, const Peer& peer, Endpoint from);

  Options options_;
  NodeId id_;
  std::unique_ptr<State> state_;
};

}  // namespace cip::dht
