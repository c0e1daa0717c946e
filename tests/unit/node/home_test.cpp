#include "node/home.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/random.hpp"
#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;
namespace fs = std::filesystem;

namespace {
unsigned mode_of(const fs::path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777;
}
}  // namespace

TEST_CASE("a home is made with its parents and belongs to its owner alone") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path() / "a/b/home");
  REQUIRE(make_home(paths));
  CHECK(mode_of(paths.home) == 0700);
  fs::permissions(paths.home, fs::perms(0755));
  REQUIRE(make_home(paths));
  CHECK(mode_of(paths.home) == 0700);
}

TEST_CASE("a home that cannot be a directory is an error with a hint") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory.path() / "file") << "x";
  for (const char* name : {"file", "file/below"}) {
    const auto made = make_home(HomePaths(directory.path() / name));
    REQUIRE_FALSE(made);
    CHECK(made.error().code == ExitCode::internal);
    CHECK(made.error().message.find("is not writable") != std::string::npos);
    CHECK_FALSE(made.error().hint.empty());
  }
}

TEST_CASE("a home that lost its identity gets no new one beside its database") {
  for (const char* left : {"database.inventory", "database/CURRENT"}) {
    const test::TemporaryDirectory directory;
    const HomePaths paths(directory.path());
    fs::create_directory(paths.database);
    SeededRandom random(1);
    REQUIRE(open_identity(paths, random));  // an empty folder is not a database
    std::ofstream(paths.home / left) << "x";
    CHECK(open_identity(paths, random));
    fs::remove(paths.identity);
    const auto opened = open_identity(paths, random);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ExitCode::corrupt);
    CHECK(opened.error().message.find(paths.identity.string()) != std::string::npos);
    CHECK_FALSE(fs::exists(paths.identity));
  }
}

TEST_CASE("a lock is held by one, names its holder, and is free again afterwards") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  CHECK_FALSE(lock_holder(paths));
  {
    auto lock = HomeLock::acquire(paths, "cipnode join");
    REQUIRE(lock);
    const auto second = HomeLock::acquire(paths, "cipnode publish");
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ExitCode::busy);
    CHECK(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
    CHECK(second.error().message.find("cipnode join") != std::string::npos);

    REQUIRE(lock_holder(paths));
    CHECK(lock_holder(paths)->pid == ::getpid());
    CHECK(lock_holder(paths)->command == "cipnode join");
    lock->set_command("x");
    CHECK(lock_holder(paths)->command == "x");
  }
  CHECK_FALSE(lock_holder(paths));
  CHECK(HomeLock::acquire(paths, "cipnode"));
}

TEST_CASE("an identity is made once and stays") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  SeededRandom random(1);
  const auto first = open_identity(paths, random);
  REQUIRE(first);
  CHECK(mode_of(paths.identity) == 0600);
  CHECK(fs::file_size(paths.identity) == 32);
  const auto second = open_identity(paths, random);
  REQUIRE(second);
  CHECK(second->primary_key == first->primary_key);
  CHECK(second->peer.public_key == first->peer.public_key);
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("an identity that others can read, or of the wrong size, is refused") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  SeededRandom random(1);
  REQUIRE(open_identity(paths, random));
  fs::permissions(paths.identity, fs::perms(0644));
  CHECK(open_identity(paths, random).error().code == ExitCode::refused);
  fs::permissions(paths.identity, fs::perms(0600));
  fs::resize_file(paths.identity, 31);
  CHECK(open_identity(paths, random).error().code == ExitCode::corrupt);
}
