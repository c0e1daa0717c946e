// What can be read of a damaged database comes out of it, blob files and logs included.

#include "store/rocksdb/salvage.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "store/rocksdb/database.hpp"
#include "store/rocksdb/rocks_backend.hpp"
#include "store/rocksdb/status.hpp"
#include "store/table_keys.hpp"
#include "tests/unit/store/backend_fixture.hpp"
#include "tests/unit/store/rocksdb/temp_folder.hpp"

namespace cip::store {

using namespace cip::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLarge = 20'000;  // bytes of a block: alone, in a file of blobs
constexpr std::uint64_t kBlocks = 1000;

std::vector<fs::path> files_with(const fs::path& folder, const std::string& part) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().find(part) != std::string::npos)
      out.push_back(entry.path());
  }
  return out;
}
void remove_files(const fs::path& folder, const std::string& part) {
  for (const auto& file : files_with(folder, part)) fs::remove(file);
}

// One feed of large blocks and one of small ones; of each the end is in the log only.
class Damaged {
 public:
  explicit Damaged(bool is_young) {
    SeededRandom random(7);
    RocksOptions options;
    options.folder = folder();
    auto backend = open_rocks_backend(options, random).value();
    large = new_feed(*backend, 1).number;
    small = new_feed(*backend, 2).number;
    const std::uint64_t first = is_young ? 0 : kBlocks;
    for (std::uint64_t i = 0; i < first; i += 10) {
      REQUIRE(backend->commit(append_op(large, i, i + 10, kLarge)).has_value());
      REQUIRE(backend->commit(append_op(small, i, i + 10, 100)).has_value());
    }
    if (!is_young) REQUIRE(backend->reclaim(large).has_value());
    REQUIRE(backend->commit(append_op(large, first, first + 5, kLarge)).has_value());
    REQUIRE(backend->commit(append_op(small, first, first + 5, 100)).has_value());
    length = first + 5;
  }

  std::string folder() const { return temp_.file("db"); }
  std::unique_ptr<Backend> salvaged() {
    SeededRandom random(9);
    auto opened = open_salvaged(folder(), temp_.file("scratch"), random);
    INFO((opened ? std::string() : opened.error().message()));
    REQUIRE(opened.has_value());
    return std::move(*opened);
  }

  FeedNumber large = 0;
  FeedNumber small = 0;
  std::uint64_t length = 0;

 private:
  TempFolder temp_;
};

std::uint64_t count_blocks(Backend& backend, FeedNumber feed, std::uint64_t length,
                           std::size_t size) {
  std::uint64_t found = 0;
  for (std::uint64_t i = 0; i < length; ++i) {
    const auto read = backend.read({feed, {}, {i}, true});
    if (!read || !read->blocks[0]) continue;
    CHECK(*read->blocks[0] == block_at(i, size));
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("without its manifest a database gives all that its tables, blobs and logs hold") {
  for (const bool is_young : {false, true}) {
    for (const std::string lost : {"CURRENT", "MANIFEST", "OPTIONS", "no file"}) {
      CAPTURE(is_young);
      CAPTURE(lost);
      Damaged home(is_young);
      remove_files(home.folder(), lost);
      const auto backend = home.salvaged();
      CHECK(backend->list_feeds()->size() == 2);
      CHECK(backend->load_feed(home.small)->head->length == home.length);
      CHECK(count_blocks(*backend, home.large, home.length, kLarge) == home.length);
      CHECK(count_blocks(*backend, home.small, home.length, 100) == home.length);
    }
  }
}

TEST_CASE("what is lost takes only itself along") {
  Damaged home(false);
  const auto blobs = files_with(home.folder(), ".blob");
  REQUIRE(blobs.size() > 1);
  fs::remove(blobs.front());
  remove_files(home.folder(), ".log");
  const auto backend = home.salvaged();
  CHECK(backend->load_feed(home.small)->head->length == kBlocks);
  CHECK(count_blocks(*backend, home.small, kBlocks, 100) == kBlocks);
  const auto left = count_blocks(*backend, home.large, kBlocks, kLarge);
  CHECK(left > 0);
  CHECK(left < kBlocks);
}

TEST_CASE("nothing is salvaged of a database of a later format") {
  Damaged home(true);
  {
    RocksOptions options;
    options.folder = home.folder();
    std::string problem;
    const auto database = Database::open(options, OpenMode::usual, problem).value();
    const auto head = keys::head(home.small);
    REQUIRE(database->db().Put({}, database->family(Family::feeds), slice_of(head), "\2").ok());
  }
  TempFolder temp;
  SeededRandom random(9);
  const auto opened = open_salvaged(home.folder(), temp.file("scratch"), random);
  CHECK(opened.error() == Errc::unknown_format);
}

TEST_CASE("where no database is nothing is salvaged, and nothing is made") {
  TempFolder temp;
  SeededRandom random(1);
  CHECK(open_salvaged(temp.file("db"), temp.file("scratch"), random).error() == Errc::not_found);
  CHECK_FALSE(fs::exists(temp.path() / "scratch"));
}

}  // namespace cip::store
