// What is missing of a database is noticed every time, and nothing is changed by it.

#include "store/rocksdb/inventory.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <functional>

#include "base/crypto.hpp"
#include "store/rocksdb/rocks_backend.hpp"
#include "tests/unit/store/backend_fixture.hpp"
#include "tests/unit/store/rocksdb/temp_folder.hpp"

namespace cip::store {

using namespace cip::test;
namespace fs = std::filesystem;

namespace {

Result<std::unique_ptr<Backend>> open_in(const fs::path& folder, std::string* problem = nullptr) {
  SeededRandom random(7);
  RocksOptions options;
  options.folder = folder.string();
  return open_rocks_backend(options, random, problem);
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

fs::path file_like(const fs::path& folder, const std::string& part) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().find(part) != std::string::npos) return entry.path();
  }
  FAIL("no file like " << part);
  return {};
}

// A database that was used and closed, `is_young`: so little that all of it is in the log.
void make_database(const fs::path& folder, bool is_young) {
  auto backend = open_in(folder).value();
  const auto feed = new_feed(*backend, 1).number;
  auto op = append_op(feed, 0, 10, 500);
  op.sync = true;
  REQUIRE(backend->commit(op).has_value());
  if (!is_young) REQUIRE(backend->reclaim(feed).has_value());
  auto more = append_op(feed, 10, 20, 500);
  more.sync = true;
  REQUIRE(backend->commit(more).has_value());
}

void check_damage(const char* what, bool is_young,
                  const std::function<void(const fs::path&)>& damage) {
  CAPTURE(what);
  CAPTURE(is_young);
  TempFolder temp;
  const auto folder = temp.path() / "db";
  make_database(folder, is_young);
  damage(folder);
  const bool is_there = fs::exists(folder);
  const auto before = is_there ? contents(folder) : std::map<std::string, std::string>();
  for (int start = 0; start < 3; ++start) {
    std::string problem;
    const auto opened = open_in(folder, &problem);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error() == Errc::corrupt);
    CHECK_FALSE(problem.empty());
    CHECK(fs::exists(folder) == is_there);
    if (is_there) CHECK(contents(folder) == before);
  }
}

void cut(const fs::path& file, std::uintmax_t bytes) {
  fs::resize_file(file, fs::file_size(file) - std::min(bytes, fs::file_size(file)));
}

}  // namespace

TEST_CASE("whatever is missing of a database is damage at every start, and nothing is touched") {
  for (const bool is_young : {true, false}) {
    check_damage("the folder", is_young, [](const auto& folder) { fs::remove_all(folder); });
    check_damage("all files", is_young, [](const auto& folder) {
      fs::remove_all(folder);
      fs::create_directory(folder);
    });
    check_damage("CURRENT", is_young, [](const auto& folder) { fs::remove(folder / "CURRENT"); });
    check_damage("what CURRENT says", is_young,
                 [](const auto& folder) { fs::resize_file(folder / "CURRENT", 0); });
    check_damage("the manifest", is_young,
                 [](const auto& folder) { fs::remove(file_like(folder, "MANIFEST")); });
    check_damage("all of the manifest", is_young,
                 [](const auto& folder) { fs::resize_file(file_like(folder, "MANIFEST"), 0); });
    check_damage("half of the manifest", is_young, [](const auto& folder) {
      const auto file = file_like(folder, "MANIFEST");
      cut(file, fs::file_size(file) / 2);
    });
    check_damage("the last byte of the manifest", is_young,
                 [](const auto& folder) { cut(file_like(folder, "MANIFEST"), 1); });
    check_damage("the log", is_young,
                 [](const auto& folder) { fs::remove(file_like(folder, ".log")); });
    check_damage("all of the log", is_young,
                 [](const auto& folder) { fs::resize_file(file_like(folder, ".log"), 0); });
    check_damage("the end of the log", is_young,
                 [](const auto& folder) { cut(file_like(folder, ".log"), 1); });
  }
  check_damage("a table", false, [](const auto& folder) { fs::remove(file_like(folder, ".sst")); });
  check_damage("the end of a table", false,
               [](const auto& folder) { cut(file_like(folder, ".sst"), 1); });
}

TEST_CASE("a database is another one than it was: the inventory says so") {
  TempFolder temp;
  make_database(temp.path() / "one", true);
  SeededRandom random(8);
  RocksOptions options;
  options.folder = temp.file("two");
  REQUIRE(open_rocks_backend(options, random).has_value());
  fs::copy_file(temp.path() / "two.inventory", temp.path() / "one.inventory",
                fs::copy_options::overwrite_existing);
  CHECK(open_in(temp.path() / "one").error() == Errc::corrupt);
}

TEST_CASE("a database of an earlier version has no inventory, and has one from then on") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  make_database(folder, true);
  fs::remove(Inventory::path_of(folder.string()));
  CHECK(open_in(folder).has_value());
  CHECK(Inventory::open(folder.string()).value()->is_made());
  fs::remove(folder / "CURRENT");
  CHECK(open_in(folder).error() == Errc::corrupt);
}

TEST_CASE("a creation that was broken off at any place is taken up again") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  make_database(folder, true);
  const auto whole = contents(folder);
  // Only the manifest, before CURRENT names it; and an inventory that knows of no instance yet.
  fs::remove_all(folder);
  fs::create_directory(folder);
  fs::remove(Inventory::path_of(folder.string()));
  {
    auto inventory = Inventory::open(folder.string()).value();
    std::ofstream(folder / "MANIFEST-000001") << "half of one";
    REQUIRE(inventory->add("MANIFEST-000001").has_value());
    CHECK_FALSE(inventory->is_made());
  }
  CHECK(open_in(folder).has_value());
  CHECK(open_in(folder).has_value());
}

TEST_CASE("an inventory keeps names and lengths, takes names off, and grows") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  fs::create_directory(folder);
  const auto name = [](int i) { return std::to_string(100000 + i) + ".log"; };
  {
    auto inventory = Inventory::open(folder.string()).value();
    for (int i = 0; i < 100; ++i) {
      std::ofstream(folder / name(i)) << "0123456789";
      REQUIRE(inventory->add(name(i)).has_value());
      inventory->note_length(name(i), 10);
    }
    for (int i = 0; i < 100; i += 2) REQUIRE(inventory->remove(name(i)).has_value());
  }
  const auto missing = [&] {
    std::ofstream(folder / "CURRENT") << "x";
    return Inventory::open(folder.string()).value()->missing();
  };
  CHECK(missing().empty());
  fs::remove(folder / name(2));  // taken off
  CHECK(missing().empty());
  fs::resize_file(folder / name(99), 9);
  CHECK(missing() == "the file 100099.log was cut: it has 9 bytes, of 10 that were written");
  fs::remove(folder / name(99));
  CHECK(missing() == "the file 100099.log is missing");
}

TEST_CASE("an inventory of a later format is refused by its number") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  make_database(folder, true);
  const auto path = Inventory::path_of(folder.string());
  const auto write_number = [&](char number) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(sizeof("cipnode database ") - 1).put(number);
  };
  std::string problem;
  write_number('2');
  CHECK(Inventory::open(folder.string(), problem).error() == Errc::unknown_format);
  CHECK(problem == "the file db.inventory has format 2, and this program reads 1");
  write_number('x');
  CHECK(Inventory::open(folder.string(), problem).error() == Errc::corrupt);
  write_number('1');
  CHECK(open_in(folder).has_value());
}

TEST_CASE("an inventory that is not one is damage") {
  TempFolder temp;
  const auto folder = temp.path() / "db";
  make_database(folder, true);
  const auto path = Inventory::path_of(folder.string());
  for (const auto size : {0, 63, 64, 100}) {
    fs::resize_file(path, static_cast<std::uintmax_t>(size));
    CHECK(open_in(folder).error() == Errc::corrupt);
  }
}

}  // namespace cip::store
