// Files of a database that goes on, copied as they are pinned, are that database.

#include "store/file_pins.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "store/rocksdb/rocks_backend.hpp"
#include "tests/unit/store/backend_fixture.hpp"
#include "tests/unit/store/rocksdb/temp_folder.hpp"

namespace cip::store {

using namespace cip::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLarge = 20'000;  // bytes of a block: alone, in a file of blobs

std::unique_ptr<Backend> open_in(const std::string& folder) {
  SeededRandom random(7);
  RocksOptions options;
  options.folder = folder;
  auto opened = open_rocks_backend(options, random);
  REQUIRE(opened.has_value());
  return std::move(*opened);
}

void copy(const PinnedFiles& pinned, const fs::path& target) {
  fs::create_directory(target);
  for (const auto& file : pinned.files) {
    std::string bytes = file.contents;
    if (bytes.empty()) {
      std::ifstream in(fs::path(pinned.folder) / file.name, std::ios::binary);
      bytes.resize(file.size);
      in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      REQUIRE(in.gcount() == static_cast<std::streamsize>(file.size));
    }
    std::ofstream(target / file.name, std::ios::binary) << bytes;
  }
}

void append(Backend& backend, FeedNumber feed, std::uint64_t start, std::uint64_t end) {
  auto op = append_op(feed, start, end, kLarge);
  op.sync = true;
  REQUIRE(backend.commit(op).has_value());
}

bool has_block(Backend& backend, FeedNumber feed, std::uint64_t index) {
  const auto read = backend.read({feed, {}, {index}, true});
  return read && read->blocks[0] && *read->blocks[0] == block_at(index, kLarge);
}

std::size_t count_of(const fs::path& folder, const char* extension) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == extension) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a copy of pinned files has what was written before, and the database goes on") {
  const TempFolder temp;
  const auto backend = open_in(temp.file("db"));
  const auto feed = new_feed(*backend, 1).number;
  append(*backend, feed, 0, 50);
  REQUIRE(backend->reclaim(feed).has_value());  // into tables and files of blobs
  append(*backend, feed, 50, 60);               // in the log alone
  const auto pinned = file_pins_of(*backend).pin_files().value();
  append(*backend, feed, 60, 70);
  copy(pinned, temp.file("copy"));
  file_pins_of(*backend).unpin_files(pinned);
  append(*backend, feed, 70, 80);
  const auto again = open_in(temp.file("copy"));
  CHECK(again->instance() == backend->instance());
  for (std::uint64_t i = 0; i < 60; ++i) CHECK(has_block(*again, feed, i));
  CHECK_FALSE(has_block(*again, feed, 70));
  for (std::uint64_t i = 0; i < 80; ++i) CHECK(has_block(*backend, feed, i));
}

TEST_CASE("what is pinned of a file stays as it is while others write behind it") {
  const TempFolder temp;
  const auto backend = open_in(temp.file("db"));
  const auto feed = new_feed(*backend, 1).number;
  append(*backend, feed, 0, 20);
  const auto pinned = file_pins_of(*backend).pin_files().value();
  const auto first_bytes = [&] {
    std::map<std::string, std::string> out;
    for (const auto& file : pinned.files) {
      if (!file.contents.empty()) continue;
      std::ifstream in(pinned.folder + "/" + file.name, std::ios::binary);
      std::string bytes(file.size, '\0');
      in.read(bytes.data(), static_cast<std::streamsize>(file.size));
      CHECK(static_cast<std::uint64_t>(in.gcount()) == file.size);
      out[file.name] = bytes;
    }
    return out;
  };
  const auto before = first_bytes();
  append(*backend, feed, 20, 200);
  CHECK(first_bytes() == before);
  file_pins_of(*backend).unpin_files(pinned);
}

TEST_CASE("pinned files stay until they are let go, whatever is dropped meanwhile") {
  const TempFolder temp;
  const auto backend = open_in(temp.file("db"));
  const auto feed = new_feed(*backend, 1).number;
  append(*backend, feed, 0, 50);
  REQUIRE(backend->reclaim(feed).has_value());
  const auto blobs = count_of(temp.file("db"), ".blob");
  REQUIRE(blobs > 0);
  auto& pins = file_pins_of(*backend);
  const auto first = pins.pin_files().value();
  const auto second = pins.pin_files().value();
  REQUIRE(backend->drop_feed(feed).has_value());
  REQUIRE(backend->reclaim(feed).has_value());
  CHECK(count_of(temp.file("db"), ".blob") == blobs);
  pins.unpin_files(first);
  CHECK(count_of(temp.file("db"), ".blob") == blobs);
  copy(second, temp.file("copy"));
  pins.unpin_files(second);
  CHECK(count_of(temp.file("db"), ".blob") == 0);
  const auto again = open_in(temp.file("copy"));
  for (std::uint64_t i = 0; i < 50; ++i) CHECK(has_block(*again, feed, i));
}

}  // namespace cip::store
