#include "store/rocksdb/rocks_backend.hpp"
#include "store/rocksdb/log_in_place.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <thread>

#include "store/flat_tree.hpp"
#include "store/rocksdb/inventory.hpp"
#include "store/rocksdb/run_cursor.hpp"
#include "store/rocksdb/status.hpp"
#include "store/table_keys.hpp"
#include "tests/unit/store/backend_fixture.hpp"
#include "tests/unit/store/rocksdb/temp_folder.hpp"

namespace cip::store {

using namespace cip::test;
namespace fs = std::filesystem;

namespace {

Result<std::unique_ptr<Backend>> open_in(const fs::path& folder) {
  SeededRandom random(7);
  RocksOptions options;
  options.folder = folder.string();
  return open_rocks_backend(options, random);
}

// What a power cut leaves, but for what the test then takes away.
fs::path copy_of(const fs::path& folder) {
  const auto copy = fs::path(folder.string() + "-copy");
  fs::remove_all(copy);
  fs::copy(folder, copy, fs::copy_options::recursive);
  fs::remove(copy / "LOCK");
  fs::copy_file(Inventory::path_of(folder.string()), Inventory::path_of(copy.string()),
                fs::copy_options::overwrite_existing);
  return copy;
}

Result<std::unique_ptr<Database>> open_database(const RocksOptions& options) {
  std::string problem;
  return Database::open(options, OpenMode::usual, problem);
}

// Every file with its contents.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    out[entry.path().filename().string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return out;
}

// The newest file with this extension that holds anything.
fs::path newest(const fs::path& folder, const char* extension) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != extension || entry.file_size() == 0) continue;
    if (found.empty() || entry.path() > found) found = entry.path();
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

fs::path largest(const fs::path& folder, const char* extension) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != extension) continue;
    if (found.empty() || fs::file_size(found) < entry.file_size()) found = entry.path();
  }
  REQUIRE_FALSE(found.empty());
  return found;
}

void flip_byte(const fs::path& file, std::uintmax_t at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(at));
  const auto byte = static_cast<char>(stream.get() ^ 0x55);
  stream.seekp(static_cast<std::streamoff>(at));
  stream.put(byte);
}

// How far the newest log was written; the room behind it is zeros.
std::uint64_t written_bytes(const fs::path& folder) {
  std::ifstream file(newest(folder, ".log"), std::ios::binary);
  const Bytes bytes{std::istreambuf_iterator<char>(file), {}};
  return written_log_length(bytes);
}

bool has_block(Backend& backend, FeedNumber feed, std::uint64_t index) {
  const auto result = backend.read({feed, {}, {index}});
  return result && result->blocks[0].has_value();
}

CommitOp synced(CommitOp op) {
  op.sync = true;
  return op;
}

}  // namespace

TEST_CASE("a format is blamed only where the system had nothing to say") {
  using rocksdb::Status;
  CHECK(error_of(Status::InvalidArgument("a family that is not opened")) == Errc::unknown_format);
  CHECK(error_of(Status::InvalidArgument("options incompatible with filesystem: IO error: CURRENT: "
                                         "Too many open files")) == std::errc::too_many_files_open);
  CHECK(error_of(Status::InvalidArgument("IO error: CURRENT: Permission denied")) ==
        Errc::not_writable);
}

TEST_CASE("a synced commit is in a copy of the files of a running database") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  auto backend = open_in(folder).value();
  const auto feed = new_feed(*backend, 1).number;
  REQUIRE(backend->commit(synced(append_op(feed, 0, 10, 5000))).has_value());
  auto copy = open_in(copy_of(folder)).value();
  CHECK(copy->instance() == backend->instance());
  CHECK(copy->load_feed(feed)->head->length == 10);
  for (std::uint64_t i = 0; i < 10; ++i) CHECK(has_block(*copy, feed, i));
}

TEST_CASE("a power cut takes whole commits from the end and nothing synced") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  auto backend = open_in(folder).value();
  const auto feed = new_feed(*backend, 1).number;
  REQUIRE(backend->commit(synced(append_op(feed, 0, 10, 500))).has_value());
  const auto synced_bytes = written_bytes(folder);
  REQUIRE(backend->commit(append_op(feed, 10, 20, 500)).has_value());
  REQUIRE(backend->commit(append_op(feed, 20, 30, 500)).has_value());
  const auto all_bytes = written_bytes(folder);
  REQUIRE(all_bytes > synced_bytes);

  // The file ends there, or goes on with the zeros of room that was not used, from a sector on.
  std::vector<std::pair<std::uintmax_t, bool>> cuts;
  for (auto kept = synced_bytes; kept <= all_bytes; kept += 811) cuts.emplace_back(kept, false);
  for (auto kept = (synced_bytes / 512 + 1) * 512; kept <= all_bytes; kept += 512)
    cuts.emplace_back(kept, true);
  for (const auto& [kept, has_room] : cuts) {
    const auto copy = copy_of(folder);
    const auto log = newest(copy, ".log");
    const auto whole = fs::file_size(log);
    fs::resize_file(log, kept);
    if (has_room) fs::resize_file(log, whole);
    auto opened = open_in(copy);
    REQUIRE(opened.has_value());
    const auto length = (*opened)->load_feed(feed)->head->length;
    CHECK((length == 10 || length == 20 || length == 30));
    for (std::uint64_t i = 0; i < 30; ++i) CHECK(has_block(**opened, feed, i) == (i < length));
    const auto nodes = (*opened)->read({feed, {2 * length - 2, 2 * length}, {}});
    CHECK(nodes->nodes[0].has_value());
    CHECK_FALSE(nodes->nodes[1].has_value());
  }
}

TEST_CASE("a killed process loses no commit that it heard was done") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto backend = open_in(folder).value();
    const auto feed = new_feed(*backend, 1).number;
    for (std::uint8_t done = 1;; ++done) {
      const std::uint64_t start = (done - 1U) * 10U;
      if (!backend->commit(append_op(feed, start, start + 10, 20000))) ::_exit(1);
      if (::write(pipe_ends[1], &done, 1) != 1) ::_exit(1);
    }
  }
  ::close(pipe_ends[1]);
  std::uint8_t heard = 0;
  while (heard < 120) REQUIRE(::read(pipe_ends[0], &heard, 1) == 1);
  REQUIRE(::kill(child, SIGKILL) == 0);
  while (::read(pipe_ends[0], &heard, 1) == 1) {
  }
  ::close(pipe_ends[0]);
  REQUIRE(::waitpid(child, nullptr, 0) == child);

  auto backend = open_in(folder).value();
  const auto feed = backend->find_feed_by_key(key_of(1))->number;
  const auto length = backend->load_feed(feed)->head->length;
  CHECK(length >= heard * 10U);
  CHECK(length % 10 == 0);
  for (std::uint64_t i = 0; i < length; ++i) REQUIRE(has_block(*backend, feed, i));
  CHECK_FALSE(has_block(*backend, feed, length));
}

TEST_CASE("damage inside the log is an error and never a shorter feed") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  auto backend = open_in(folder).value();
  const auto feed = new_feed(*backend, 1).number;
  REQUIRE(backend->commit(synced(append_op(feed, 0, 10, 500))).has_value());
  const auto middle = written_bytes(folder) - 100;
  REQUIRE(backend->commit(synced(append_op(feed, 10, 20, 500))).has_value());
  const auto copy = copy_of(folder);
  flip_byte(newest(copy, ".log"), middle);
  CHECK(open_in(copy).error() == Errc::corrupt);
}

TEST_CASE("damage in a file of blocks is an error of the read") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  auto backend = open_in(folder).value();
  const auto feed = new_feed(*backend, 1).number;
  // More than the write buffer, so that the first blocks are in a file.
  for (std::uint64_t i = 0; i < 40; ++i) {
    REQUIRE(backend->commit(append_op(feed, i, i + 1, 1 << 20)).has_value());
  }
  REQUIRE(backend->sync().has_value());
  backend.reset();
  fs::path first;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".blob") continue;
    if (first.empty() || entry.path() < first) first = entry.path();
  }
  REQUIRE_FALSE(first.empty());
  flip_byte(first, 1 << 19);
  backend = open_in(folder).value();
  CHECK(backend->read({feed, {}, {0}}).error() == Errc::corrupt);
  CHECK(has_block(*backend, feed, 39));
}

TEST_CASE("blocks in a damaged file are discarded and stored again without harm to others") {
  for (const std::size_t size : {std::size_t{100}, std::size_t{20000}}) {
    CAPTURE(size);
    TempFolder temp;
    const auto folder = temp.path() / "db";
    auto backend = open_in(folder).value();
    const auto feed = new_feed(*backend, 1).number;
    // Runs of small commits lie in tables, all larger ones in files of blobs.
    for (std::uint64_t i = 0; i < 1000; i += 10) {
      REQUIRE(backend->commit(append_op(feed, i, i + 10, size)).has_value());
    }
    REQUIRE(backend->reclaim(feed).has_value());  // writes all of it to files
    backend.reset();
    const auto file = largest(folder, size < kStandaloneBlockBytes ? ".sst" : ".blob");
    flip_byte(file, fs::file_size(file) / 2);
    backend = open_in(folder).value();
    std::vector<std::uint64_t> bad;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      const auto read = backend->read({feed, {}, {i}, true});
      if (!read) CHECK(read.error() == Errc::corrupt);
      if (!read) bad.push_back(i);
    }
    REQUIRE_FALSE(bad.empty());
    CHECK(bad.size() < 400);
    CommitOp op;
    op.feed = feed;
    for (const auto index : bad) {
      op.lost.push_back({index, index + 1});
      op.blocks.push_back({index, block_at(index, size)});
    }
    REQUIRE(backend->commit(op).has_value());
    for (std::uint64_t i = 0; i < 1000; ++i) {
      REQUIRE(backend->read({feed, {}, {i}, true})->blocks[0] == block_at(i, size));
    }
  }
}

TEST_CASE("clearing gives its disk back") {
  TempFolder temp;
  auto backend = open_in(temp.path() / "db").value();
  const auto feed = new_feed(*backend, 1).number;
  for (std::uint64_t i = 0; i < 96; ++i) {
    REQUIRE(backend->commit(append_op(feed, i, i + 1, 1 << 20)).has_value());
  }
  REQUIRE(backend->reclaim(feed).has_value());
  const auto before = backend->disk_usage()->bytes;
  CommitOp op;
  op.feed = feed;
  op.cleared = {{2, 94}};
  REQUIRE(backend->commit(op).has_value());
  REQUIRE(backend->reclaim(feed).has_value());
  // Files of blobs that hold a block that stays are kept: one at each end, of the 16 MiB of one
  // memtable, or of two that were written together.
  CHECK(backend->disk_usage()->bytes < before / 4 * 3);
  CHECK(has_block(*backend, feed, 1));
  CHECK_FALSE(has_block(*backend, feed, 30));
  CHECK(has_block(*backend, feed, 95));
}

TEST_CASE("what is read from the disk is not answered from memory") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  auto backend = open_in(folder).value();
  const auto feed = new_feed(*backend, 1).number;
  REQUIRE(backend->commit(append_op(feed, 0, 1000, 100)).has_value());
  REQUIRE(backend->reclaim(feed).has_value());
  REQUIRE(has_block(*backend, feed, 200));
  const auto file = largest(folder, ".blob");
  for (std::uintmax_t at = 100; at < fs::file_size(file) / 2; at += 1000) flip_byte(file, at);
  CHECK(has_block(*backend, feed, 200));
  backend->forget_cached();
  const auto read = backend->read({feed, {}, {200}, true});
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error() == Errc::corrupt);
}

TEST_CASE("lost files of a database are an error and not a new database") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  {
    auto backend = open_in(folder).value();
    const auto feed = new_feed(*backend, 1).number;
    for (std::uint64_t i = 0; i < 20; ++i) {
      REQUIRE(backend->commit(append_op(feed, i, i + 1, 1 << 20)).has_value());
    }
  }
  const auto without_current = copy_of(folder);
  fs::remove(without_current / "CURRENT");
  CHECK(open_in(without_current).error() == Errc::corrupt);
  const auto without_manifest = copy_of(folder);
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename();
    if (name.string().starts_with("MANIFEST")) fs::remove(without_manifest / name);
  }
  CHECK(open_in(without_manifest).error() == Errc::corrupt);
  const auto without_table = copy_of(folder);
  fs::remove(newest(without_table, ".sst"));
  CHECK(open_in(without_table).error() == Errc::corrupt);
  CHECK(open_in(folder).has_value());
}

TEST_CASE("a folder may be named relative to the working one, and with a slash at its end") {
  const TempFolder temp;
  const auto before = fs::current_path();
  fs::current_path(temp.path());
  for (const char* name : {"db", "db/", "./db"}) CHECK_MESSAGE(open_in(name), name);
  fs::current_path(before);
  CHECK(fs::exists(Inventory::path_of((temp.path() / "db").string())));
}

TEST_CASE("a database is held by one process at a time") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  auto backend = open_in(folder).value();
  CHECK(open_in(folder).error() == Errc::locked);
  backend.reset();
  CHECK(open_in(folder).has_value());
}

TEST_CASE("a folder that cannot be made is named as such") {
  TempFolder temp;
  std::ofstream(temp.file("file")) << "text";
  CHECK(open_in(temp.path() / "file").error() == Errc::not_writable);
  CHECK(open_in(temp.path() / "file" / "db").error() == Errc::not_writable);
  CHECK(open_in(temp.path() / "no" / "db").error() == Errc::not_writable);
}

TEST_CASE("a database of an unknown format is refused and left as it is") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  REQUIRE(open_in(folder).has_value());
  {
    RocksOptions options;
    options.folder = folder.string();
    auto database = open_database(options).value();
    const std::string value{static_cast<char>(kStoreFormat + 1), 0, 0, 0};
    REQUIRE(database->db().Put({}, database->family(Family::meta), "!format", value).ok());
  }
  const auto before = contents(folder);
  CHECK(open_in(folder).error() == Errc::unknown_format);
  CHECK(contents(folder) == before);
}

TEST_CASE("a database of which one entry has a later format is not changed by a single byte") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  RocksOptions options;
  options.folder = folder.string();
  options.owners_formats = {{Table::meta, "contacts/", "the list of contacts", 1}};
  const auto put = [&](Family family, const Bytes& key, const Bytes& value) {
    auto database = open_database(options).value();
    const auto status =
        database->db().Put({}, database->family(family), slice_of(key), slice_of(value));
    REQUIRE(status.ok());
  };
  const auto is_refused = [&](const std::string& what) {
    const auto before = contents(folder);
    std::string problem;
    const auto opened = Database::open(options, OpenMode::usual, problem);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error() == Errc::unknown_format);
    CHECK(problem == later_format(what, 2, 1));
    CHECK(contents(folder) == before);
  };
  REQUIRE(open_in(folder).has_value());
  put(Family::meta, keys::state("contacts/default"), {2});
  is_refused("the list of contacts");  // in a log
  options.owners_formats.front().latest = 2;
  REQUIRE(open_database(options).has_value());
  options.owners_formats.front().latest = 1;
  is_refused("the list of contacts");  // in a table
  options.owners_formats.clear();
  put(Family::feeds, keys::head(1), {2});
  is_refused("the head of a feed");
}

TEST_CASE("a database with tables of a later format is refused") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  {
    RocksOptions options;
    options.folder = folder.string();
    auto database = open_database(options).value();
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    REQUIRE(database->db().CreateColumnFamily({}, "spaces", &handle).ok());
    REQUIRE(database->db().DestroyColumnFamilyHandle(handle).ok());
  }
  CHECK(open_in(folder).error() == Errc::unknown_format);
  std::string problem;
  RocksOptions options;
  options.folder = folder.string();
  CHECK_FALSE(Database::open(options, OpenMode::usual, problem).has_value());
  CHECK(problem == "it has a table spaces, which this program does not know");
}

TEST_CASE("a database that was killed before its first write opens as new") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  RocksOptions options;
  options.folder = folder.string();
  REQUIRE(open_database(options).has_value());
  CHECK(open_in(folder).has_value());
}

TEST_CASE("runs never overlap and hold what was asked, whatever was cut out of them") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  FeedNumber feed = 0;
  {
    auto backend = open_in(folder).value();
    feed = new_feed(*backend, 1).number;
    REQUIRE(backend->commit(append_op(feed, 0, 3000, 100)).has_value());
    CommitOp cut;
    cut.feed = feed;
    cut.cleared = {{3, 4}, {100, 103}, {600, 700}, {640, 2000}};
    cut.truncate_to = 2500;
    REQUIRE(backend->commit(cut).has_value());
    REQUIRE(backend->commit(append_op(feed, 2500, 2600, 100)).has_value());
  }
  RocksOptions options;
  options.folder = folder.string();
  auto database = open_database(options).value();
  RunCursor cursor(*database, Family::blocks, feed);
  std::uint64_t next = 0;
  std::uint64_t blocks = 0;
  for (auto found = cursor.seek(0); found.value(); found = cursor.seek(cursor.last() + 1)) {
    const auto run = BlockRunView::open(cursor.value());
    REQUIRE(run.has_value());
    const auto first = cursor.last() + 1 - run->count();
    CHECK(first >= next);
    next = cursor.last() + 1;
    blocks += run->count();
  }
  CHECK(next == 2600);
  CHECK(blocks == 2600 - 1 - 3 - 1400);
}

TEST_CASE("dropping a feed gives its disk back") {
  TempFolder temp;
  auto backend = open_in(temp.path() / "db").value();
  const auto gone = new_feed(*backend, 1).number;
  const auto stays = new_feed(*backend, 2).number;
  REQUIRE(backend->commit(append_op(stays, 0, 4, 1 << 20)).has_value());
  // A file of blobs lasts as long as any of them is in use, so they do not share one.
  REQUIRE(backend->reclaim(stays).has_value());
  for (std::uint64_t i = 0; i < 64; ++i) {
    REQUIRE(backend->commit(append_op(gone, i, i + 1, 1 << 20)).has_value());
  }
  const auto before = backend->disk_usage()->bytes;
  CHECK(before > std::uint64_t{16} << 20);
  REQUIRE(backend->drop_feed(gone).has_value());
  REQUIRE(backend->reclaim(gone).has_value());
  CHECK(backend->disk_usage()->bytes < std::uint64_t{8} << 20);
  CHECK(has_block(*backend, stays, 3));
}

TEST_CASE("reading, writing and the directory may be used from many threads at once") {
  TempFolder temp;
  auto backend = open_in(temp.path() / "db").value();
  std::vector<FeedNumber> feeds;
  for (std::uint8_t i = 1; i <= 3; ++i) feeds.push_back(new_feed(*backend, i).number);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (const auto feed : feeds) {
    threads.emplace_back([&, feed] {
      for (std::uint64_t i = 0; i < 200; ++i) {
        auto op = append_op(feed, i * 10, i * 10 + 10, 200);
        op.sync = i % 50 == 0;
        if (!backend->commit(op)) ++wrong;
        const auto index = i * 7 % (i * 10 + 10);
        const auto read = backend->read({feed, {2 * index}, {index}});
        if (!read || read->blocks[0] != block_at(index, 200)) ++wrong;
        if (!read || read->nodes[0] != node_at(2 * index)) ++wrong;
      }
    });
  }
  threads.emplace_back([&] {
    for (std::uint8_t i = 100; i < 130; ++i) {
      FeedRecord record;
      record.key = key_of(i);
      const auto made = backend->create_feed(record);
      if (!made || !backend->commit(append_op(made->number, 0, 5, 50))) ++wrong;
      if (!backend->list_feeds() || !backend->drop_feed(made->number)) ++wrong;
    }
  });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(backend->list_feeds()->size() == 3);
}

}  // namespace cip::store
