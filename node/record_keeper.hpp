#pragma once

// The copy on disk of what the DHT node stores for others, and of what it put itself: it survives a
// restart. Writes go to the storage pool in batches, one at a time; of one key only the last change
// is written. No sync: what the last second brought may be lost with the machine.
//
//   table "immutables/default" (one per kind and network)   RecordChange::key -> its value
//   table "own/default"                                     target -> OwnValue

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dht/record_change.hpp"
#include "dht/republisher.hpp"
#include "store/storage_requests.hpp"

namespace cip::node {

inline constexpr std::uint8_t kOwnValueVersion = 1;
inline constexpr std::string_view kOwnValuesBegin = "own/";

// An own value is put again for so long after its owner put it last.
inline constexpr auto kOwnValueLife = dht::Republisher::kLongest;

class RecordKeeper {
 public:
  // Changes of one job: a disk that is slow for others must not be blocked for long.
  static constexpr std::size_t kBatch = 512;
  // Expired records are looked for this often.
  static constexpr Duration kExpireEvery = std::chrono::minutes(10);
  // No record of others lives longer; one that expires later was dated by a clock that was wrong.
  static constexpr auto kLongestLife = std::chrono::hours(24 * 3);

  // `storage` outlives it. Records of others are copied to disk up to `most_bytes`; beyond, they
  // are served from memory alone.
  RecordKeeper(store::StorageRequests& storage, std::string network, std::uint64_t most_bytes)
      : storage_(storage), network_(std::move(network)), most_bytes_(most_bytes) {}

  // What earlier runs left, before the loop runs: reads the disk at once.
  static std::vector<dht::RecordChange> load(store::Backend& backend, const std::string& network);
  struct Own {
    dht::OwnValue value;
    UnixMillis until{};
  };
  static std::vector<Own> load_own(store::Backend& backend, const std::string& network);

  void take(Now now, dht::RecordChange change);
  void keep_own(Now now, const dht::OwnValue& value, UnixMillis until);
  void forget_own(Now now, const dht::Target& target);
  // Less than what is there lets nothing go, and takes nothing more.
  void set_most_bytes(std::uint64_t bytes) { most_bytes_ = bytes; }
  // What records of others take of the disk, at most: what was replaced counts until the next
  // count.
  std::uint64_t bytes() const { return bytes_; }
  // Records that are not on disk for want of room.
  std::uint64_t refused() const { return refused_; }
  // Asks for all that waits to be written: before the end.
  void flush();

 private:
  using Place = std::pair<std::string, Bytes32>;
  struct Write {
    std::optional<Bytes> value;
    UnixMillis expires{};
  };

  void add(Now now, Place place, Write write);
  void write_next(std::size_t most);
  void tidy();
  void written(const Result<void>& result);

  store::StorageRequests& storage_;
  std::string network_;
  std::uint64_t most_bytes_;
  std::uint64_t bytes_ = 0;
  std::uint64_t refused_ = 0;
  std::map<Place, Write> waiting_;
  bool writing_ = false;
  std::optional<TimePoint> expired_at_;
  bool expire_ = false;
  UnixMillis wall_{};
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
