// What a failing disk does to feeds: nothing that was acknowledged is lost, what fails says so, and
// the database opens again and verifies.

#include <doctest/doctest.h>

#include "store/feed.hpp"
#include "store/rocksdb/rocks_backend.hpp"
#include "tests/unit/store/rocksdb/faulty_file_system.hpp"
#include "tests/unit/store/rocksdb/temp_folder.hpp"

namespace cip::store {

using namespace cip::test;

namespace {

Bytes block_of(std::uint64_t index) {
  return Bytes(index % 7 == 0 ? 6000 : 50 + index % 100, static_cast<std::uint8_t>(index));
}

// A home on a failing disk with one feed of its own.
class Home {
 public:
  explicit Home(const std::filesystem::path& folder)
      : disk(std::make_shared<FaultyFileSystem>()), env_(rocksdb::NewCompositeEnv(disk)) {
    options_.folder = folder.string();
    options_.env = env_.get();
    options_.write_buffer_bytes = 1 << 18;  // many files come and go
    Seed seed{};
    key_ = make_key_pair(seed);
  }

  std::error_code open() {
    SeededRandom random(3);
    auto opened = open_rocks_backend(options_, random);
    if (!opened) return opened.error();
    backend = std::move(*opened);
    const auto manifest = single_signer_manifest(key_.public_key);
    auto record = backend->find_feed_by_key(manifest_key(manifest));
    if (!record) {
      FeedRecord fresh;
      fresh.key = manifest_key(manifest);
      record = backend->create_feed(fresh, manifest);
      if (!record) return record.error();
    }
    return load_feed(record->number);
  }

  // From what is on disk now.
  std::error_code load_feed(FeedNumber number) {
    auto state = backend->load_feed(number);
    if (!state) return state.error();
    auto loaded = Feed::open(std::move(*state));
    if (!loaded) return loaded.error();
    feed.emplace(std::move(*loaded));
    return {};
  }

  void close() {
    feed.reset();
    backend.reset();
  }

  // Appends and reports what became of it.
  std::error_code append(std::uint64_t blocks) {
    std::vector<Bytes> values;
    for (std::uint64_t i = 0; i < blocks; ++i) values.push_back(block_of(feed->length() + i));
    if (auto taken = feed->append(std::move(values), key_); !taken) return taken.error();
    const auto events = drain();
    for (const auto& event : events) {
      if (const auto* failed = std::get_if<StoreFailed>(&event)) return failed->reason;
    }
    return {};
  }

  // Checks every block and node; how many parts are bad.
  std::size_t count_bad() {
    std::size_t bad = 0;
    for (std::uint64_t from = 0;;) {
      feed->verify(from);
      const auto events = drain();
      const auto& step = std::get<Verified>(events.back());
      bad += step.bad.size();
      from = step.next;
      if (step.done) return bad;
    }
  }

  std::vector<FeedEvent> drain() {
    std::vector<FeedEvent> events;
    while (auto op = feed->poll_store_op()) {
      StoreResult result;
      if (const auto* read = std::get_if<ReadOp>(&op->op)) {
        result = backend->read(*read);
      } else if (auto done = backend->commit(*std::get<CommitPtr>(op->op)); !done) {
        result = fail(done.error());
      }
      feed->handle_store_done(op->id, std::move(result));
    }
    while (auto event = feed->poll_event()) events.push_back(std::move(*event));
    return events;
  }

  std::shared_ptr<FaultyFileSystem> disk;

 private:
  std::unique_ptr<rocksdb::Env> env_;  // outlives the database
  RocksOptions options_;

 public:
  std::unique_ptr<Backend> backend;
  std::optional<Feed> feed;

 private:
  KeyPair key_;
};

// Appends until the disk fails, which it does after a drawn number of writes; then opens again.
void run_round(std::uint64_t seed, DiskFault fault) {
  CAPTURE(seed);
  SeededRandom random(seed);
  TempFolder temp;
  Home home(temp.path() / "db");
  REQUIRE_FALSE(home.open());
  home.disk->fail_after(random.below(1200), fault);
  std::uint64_t acknowledged = 0;
  std::uint64_t attempted = 0;
  std::error_code error;
  while (!error && attempted < 20000) {
    const auto blocks = 1 + random.below(30);
    attempted = home.feed->length() + blocks;
    error = home.append(blocks);
    if (!error) acknowledged = attempted;
  }
  REQUIRE(home.disk->has_failed());
  REQUIRE(error);
  CHECK((error == Errc::full || error == Errc::io_failed));
  if (fault == DiskFault::full) CHECK(error == Errc::full);
  // Nothing is built on what may or may not be there, and what was acknowledged can be read.
  CHECK(home.append(1) == error);
  if (acknowledged > 0) {
    ReadOp read;
    read.feed = home.feed->number();
    read.blocks = {acknowledged - 1};
    const auto last = home.backend->read(read);
    REQUIRE(last);
    CHECK(last->blocks[0] == block_of(acknowledged - 1));
  }
  home.close();
  if (fault == DiskFault::power_cut) home.disk->lose_unsynced();
  home.disk->heal();
  REQUIRE_FALSE(home.open());
  CHECK(home.feed->length() >= acknowledged);
  // What was reported as failed is not there. A machine without power may have written it.
  CHECK(home.feed->length() <= (fault == DiskFault::power_cut ? attempted : acknowledged));
  CHECK(home.feed->fork() == 0);
  CHECK(home.feed->contiguous_length() == home.feed->length());
  CHECK(home.count_bad() == 0);
  CHECK_FALSE(home.append(3));
}

}  // namespace

TEST_CASE("a power cut at any write loses nothing that was acknowledged") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) run_round(seed, DiskFault::power_cut);
}

TEST_CASE("a full disk is named, reading goes on, and opened with room again all is there") {
  for (std::uint64_t seed = 20; seed <= 28; ++seed) run_round(seed, DiskFault::full);
}

TEST_CASE("the same process writes on once the disk takes writes again") {
  for (const auto fault : {DiskFault::full, DiskFault::error, DiskFault::torn}) {
    for (std::uint64_t writes = 0; writes < 60; writes += 7) {
      CAPTURE(writes);
      TempFolder temp;
      Home home(temp.path() / "db");
      REQUIRE_FALSE(home.open());
      REQUIRE_FALSE(home.append(5));
      home.disk->fail_after(writes, fault);
      std::error_code error;
      while (!error) error = home.append(10);
      const auto acknowledged = home.feed->length();
      auto& recovery = disk_recovery_of(*home.backend);
      CHECK(recovery.failure() == error);
      CHECK_FALSE(recovery.recover());
      // Reading goes on, and nothing is written meanwhile.
      CHECK_FALSE(home.load_feed(home.feed->number()));
      CHECK(home.feed->length() == acknowledged);
      CHECK(home.backend->put_state("room", {}, true).error() == recovery.failure());
      home.disk->heal();
      REQUIRE(recovery.recover());
      CHECK_FALSE(recovery.failure());
      REQUIRE_FALSE(home.load_feed(home.feed->number()));
      CHECK(home.feed->length() == acknowledged);
      CHECK_FALSE(home.append(10));
      home.close();
      REQUIRE_FALSE(home.open());
      CHECK(home.feed->length() == acknowledged + 10);
      CHECK(home.count_bad() == 0);
    }
  }
}

TEST_CASE("a disk that fails while a database is made, or opened, is an error that goes away") {
  for (const auto fault : {DiskFault::full, DiskFault::error, DiskFault::torn}) {
    for (std::uint64_t writes = 0;; ++writes) {
      CAPTURE(writes);
      TempFolder temp;
      Home home(temp.path() / "db");
      home.disk->fail_after(writes, fault);
      const auto error = home.open();
      const bool is_over = !home.disk->has_failed();
      if (!error) CHECK_FALSE(home.append(3) == std::error_code(Errc::corrupt));
      if (error) CHECK((error == Errc::full || error == Errc::io_failed));
      home.close();
      home.disk->heal();
      REQUIRE_FALSE(home.open());
      CHECK_FALSE(home.append(3));
      home.close();
      home.disk->fail_after(writes, fault);
      if (const auto again = home.open()) CHECK((again == Errc::full || again == Errc::io_failed));
      home.close();
      home.disk->heal();
      REQUIRE_FALSE(home.open());
      CHECK(home.feed->length() >= 3);
      if (is_over) break;
    }
  }
}

TEST_CASE("whoever watches is told of a failure once, and at once of one that was before") {
  TempFolder temp;
  Home home(temp.path() / "db");
  REQUIRE_FALSE(home.open());
  auto& recovery = disk_recovery_of(*home.backend);
  int told = 0;
  recovery.watch_failures([&] { ++told; });
  CHECK(told == 0);
  home.disk->fail_after(0, DiskFault::error);
  CHECK(home.append(1));
  CHECK(home.backend->put_state("more", {}, true).error() == recovery.failure());
  CHECK(told == 1);
  recovery.watch_failures([&] { ++told; });
  CHECK(told == 2);
}

TEST_CASE("writes that fail or are torn end the feed and not its history") {
  for (std::uint64_t seed = 40; seed <= 46; ++seed) run_round(seed, DiskFault::error);
  for (std::uint64_t seed = 50; seed <= 56; ++seed) run_round(seed, DiskFault::torn);
}

}  // namespace cip::store
