// A backup is there whole or not at all, and what becomes of it is checked before it is a home.

#include "node/backup.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "base/random.hpp"
#include "base/text.hpp"
#include "node/database_keeper.hpp"
#include "node/file_copy.hpp"
#include "node/restore.hpp"
#include "store/feed_store.hpp"
#include "store/rocksdb/rocks_backend.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}
std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Json told(const store::PinnedFiles& pinned) {
  Json files = Json::array();
  for (const auto& file : pinned.files) {
    files.push_back({{"name", file.name}, {"bytes", file.size}, {"contents", file.contents}});
  }
  return {{"folder", pinned.folder}, {"files", files}};
}

// A home with an own feed, and its database open as that of a running node is.
struct RunningHome {
  RunningHome() : paths(folder.path() / "home") {
    REQUIRE(make_home(paths));
    const auto identity = open_identity(paths, random);
    REQUIRE(identity);
    primary_key = identity->primary_key;
    write(paths.config, "log = \"info\"\n");
    auto opened = open_database(paths, random);
    REQUIRE(opened);
    backend = std::move(*opened);
    store::FeedStore feeds(*backend, primary_key);
    REQUIRE(feeds.create({.name = "log"}, store::FreshSecrets::draw(random)));
  }
  fs::path place(const char* name) const { return folder.path() / name; }
  Outcome<Json> back_up(const fs::path& target) {
    auto writer = BackupWriter::begin(paths, target);
    if (!writer) return tl::unexpected(writer.error());
    const auto pinned = store::file_pins_of(*backend).pin_files().value();
    auto copied = writer->copy(told(pinned));
    store::file_pins_of(*backend).unpin_files(pinned);
    if (!copied) return tl::unexpected(copied.error());
    return writer->finish();
  }
  // Entries of the folder that all of it is in.
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
  }

  test::TemporaryDirectory folder;
  SeededRandom random{5};
  HomePaths paths;
  Bytes32 primary_key{};
  std::unique_ptr<store::Backend> backend;
};

ExitCode code_of(const Outcome<Json>& done) { return done ? ExitCode::ok : done.error().code; }

}  // namespace

TEST_CASE("a home that was backed up while it ran is restored, its own feeds marked") {
  RunningHome home;
  const auto made = home.back_up(home.place("backup"));
  REQUIRE(made);
  CHECK((*made)["bytes"] > 0);
  CHECK(home.entries() == 2);
  CHECK((fs::status(home.place("backup")).permissions() & fs::perms::all) == fs::perms::owner_all);
  const HomePaths again(home.place("again"));
  const auto restored = restore_home(again, home.place("backup"));
  REQUIRE(restored);
  CHECK((*restored)["feeds"] == 1);
  CHECK((*restored)["key"] == (*made)["key"]);
  CHECK(read(again.config) == "log = \"info\"\n");
  CHECK_FALSE(fs::exists(again.restoring));
  const auto identity = open_identity(again, home.random);
  REQUIRE(identity);
  CHECK(identity->primary_key == home.primary_key);
  const auto backend = open_database(again, home.random);
  REQUIRE(backend);
  CHECK((*backend)->instance() == home.backend->instance());
  const auto log = (*backend)->find_feed_by_name("log");
  REQUIRE(log);
  CHECK(store::FeedStore(**backend, home.primary_key).open(log->number)->is_restored);
}

TEST_CASE("a backup replaces nothing and does not go where the home has its files") {
  RunningHome home;
  fs::create_directory(home.place("empty"));
  CHECK(home.back_up(home.place("empty")));
  CHECK(code_of(home.back_up(home.place("empty"))) == ExitCode::conflict);
  write(home.place("file"), "mine");
  CHECK(code_of(home.back_up(home.place("file"))) == ExitCode::conflict);
  CHECK(code_of(home.back_up(home.paths.database / "backup")) == ExitCode::usage);
  CHECK(code_of(home.back_up(home.place("none") / "backup")) == ExitCode::usage);
  CHECK(code_of(home.back_up(home.paths.restoring)) == ExitCode::usage);
  CHECK(home.back_up(home.paths.home / "backup"));
  CHECK(read(home.place("file")) == "mine");
}

TEST_CASE("a backup is no home, and neither is what is left of one that was cut off") {
  RunningHome home;
  REQUIRE(home.back_up(home.place("backup")));
  const auto refused = make_home(HomePaths(home.place("backup")));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::refused);
  CHECK(refused.error().hint.find("restore") != std::string::npos);
  CHECK(restore_home(HomePaths(home.place("again")), home.place("backup")));

  auto writer = BackupWriter::begin(home.paths, home.place("other"));
  REQUIRE(writer);
  auto cut = store::file_pins_of(*home.backend).pin_files().value();
  cut.files.push_back({"000999.sst", 10, {}});
  REQUIRE_FALSE(writer->copy(told(cut)));
  for (const auto& entry : fs::directory_iterator(home.folder.path())) {
    const bool is_partial = entry.path().string().find(".partial-") != std::string::npos;
    if (is_partial) CHECK_FALSE(fs::exists(entry.path() / "identity"));
  }
}

TEST_CASE("a backup that is not finished leaves nothing") {
  RunningHome home;
  {
    auto writer = BackupWriter::begin(home.paths, home.place("backup"));
    REQUIRE(writer);
    const auto pinned = store::file_pins_of(*home.backend).pin_files().value();
    REQUIRE(writer->copy(told(pinned)));
    CHECK(home.entries() == 2);
    auto gone = pinned;
    gone.files.push_back({"000999.sst", 10, {}});
    const auto failed = writer->copy(told(gone));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == ExitCode::corrupt);
    CHECK(failed.error().message.find("000999.sst is missing") != std::string::npos);
  }
  CHECK(home.entries() == 1);
}

TEST_CASE("a backup is not made of a file with a name that restore would refuse") {
  RunningHome home;
  auto writer = BackupWriter::begin(home.paths, home.place("backup"));
  REQUIRE(writer);
  auto pinned = store::file_pins_of(*home.backend).pin_files().value();
  pinned.files.push_back({"strange name", 1, "x"});
  REQUIRE(writer->copy(told(pinned)));
  CHECK_FALSE(writer->finish());
}

TEST_CASE("a backup that was damaged in any file is not restored, and leaves no home") {
  RunningHome home;
  REQUIRE(home.back_up(home.place("backup")));
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(home.place("backup"))) {
    if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
  }
  REQUIRE(files.size() > 4);
  const HomePaths again(home.place("again"));
  for (const auto& file : files) {
    CAPTURE(file.filename().string());
    const auto whole = read(file);
    auto changed = whole;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    for (const auto& text : {changed, whole.substr(0, whole.size() - 1), whole + "x"}) {
      write(file, text);
      CHECK(code_of(restore_home(again, home.place("backup"))) == ExitCode::corrupt);
      CHECK_FALSE(fs::exists(again.identity));
      CHECK_FALSE(fs::exists(again.database));
      CHECK_FALSE(fs::exists(again.restoring));
    }
    fs::remove(file);
    CHECK(code_of(restore_home(again, home.place("backup"))) ==
          (file.filename() == "manifest" ? ExitCode::usage : ExitCode::corrupt));
    write(file, whole);
  }
  CHECK(restore_home(again, home.place("backup")));
}

TEST_CASE("a backup is restored into an empty home alone") {
  RunningHome home;
  REQUIRE(home.back_up(home.place("backup")));
  CHECK(code_of(restore_home(home.paths, home.place("backup"))) == ExitCode::conflict);
  const HomePaths other(home.place("other"));
  fs::create_directory(other.home);
  write(other.home / "letter", "mine");
  CHECK(code_of(restore_home(other, home.place("backup"))) == ExitCode::conflict);
  CHECK(read(other.home / "letter") == "mine");
  fs::remove(other.home / "letter");
  CHECK(restore_home(other, home.place("backup")));
  CHECK(code_of(restore_home(other, home.place("backup"))) == ExitCode::conflict);
}

TEST_CASE("a home whose restore was cut off is none, until a restore begins anew") {
  RunningHome home;
  REQUIRE(home.back_up(home.place("backup")));
  const HomePaths again(home.place("again"));
  fs::create_directories(again.restoring);
  fs::create_directories(again.database);
  write(again.database / "CURRENT", "half");
  const auto refused = open_identity(again, home.random);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::corrupt);
  CHECK(refused.error().hint.find("cipnode restore") != std::string::npos);
  CHECK(restore_home(again, home.place("backup")));
  CHECK(open_identity(again, home.random));
  CHECK(open_database(again, home.random));
}

TEST_CASE("a backup of a later format is not restored") {
  RunningHome home;
  REQUIRE(home.back_up(home.place("backup")));
  const auto manifest = home.place("backup") / "manifest";
  auto text = read(manifest);
  text.replace(text.find("backup 1"), 8, "backup 2");
  write(manifest, text);
  const HomePaths again(home.place("again"));
  CHECK(code_of(restore_home(again, home.place("backup"))) == ExitCode::incompatible);
  CHECK_FALSE(fs::exists(again.home));
}
