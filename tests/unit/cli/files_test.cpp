#include "cli/files.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace cip::cli {

namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() { REQUIRE(::mkdtemp(name) != nullptr); }
  ~Folder() { fs::remove_all(name); }
  std::string file(const char* leaf) const { return std::string(name) + "/" + leaf; }
  std::size_t count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(name), {}));
  }
  char name[32] = "/tmp/cipnode-files-XXXXXX";
};

unsigned mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 0777;
}

std::string text_in(const std::string& path) { return *read_file(path, "the file", 1 << 20); }

}  // namespace

TEST_CASE("a file is written whole, in place of another") {
  const Folder folder;
  const auto path = folder.file("out");
  REQUIRE(write_file(path, "one"));
  REQUIRE(write_file(path, "two"));
  CHECK(text_in(path) == "two");
  CHECK(folder.count() == 1);
  ::chmod(path.c_str(), 0640);
  REQUIRE(write_file(path, "three"));
  CHECK(mode_of(path) == 0640);
}

TEST_CASE("a secret file is closed from the start and replaces nothing unasked") {
  const Folder folder;
  const auto path = folder.file("secret");
  REQUIRE(write_file(path, "one", {.mode = 0600, .overwrites = false}));
  CHECK(mode_of(path) == 0600);
  const auto again = write_file(path, "two", {.mode = 0600, .overwrites = false});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ExitCode::conflict);
  CHECK(text_in(path) == "one");
  ::chmod(path.c_str(), 0644);
  REQUIRE(write_file(path, "two", {.mode = 0600, .overwrites = true}));
  CHECK(mode_of(path) == 0600);
  CHECK(folder.count() == 1);
}

TEST_CASE("a link stays one, and what it names is replaced") {
  const Folder folder;
  REQUIRE(write_file(folder.file("real"), "one"));
  fs::create_symlink(folder.file("real"), folder.file("link"));
  REQUIRE(write_file(folder.file("link"), "two"));
  CHECK(fs::is_symlink(folder.file("link")));
  CHECK(text_in(folder.file("real")) == "two");
}

TEST_CASE("what cannot be written is said") {
  CHECK(write_file("/dev/full", "x").error().code == ExitCode::full);
  CHECK(write_file("/nonexistent/x", "x").error().code == ExitCode::usage);
  CHECK(write_file("/tmp", "x").error().code == ExitCode::usage);
  CHECK(write_file("/dev/null", "x").has_value());
}

TEST_CASE("looking whether a file can be written leaves nothing behind") {
  const Folder folder;
  CHECK(check_writable(folder.file("new")).has_value());
  CHECK(folder.count() == 0);
  REQUIRE(write_file(folder.file("old"), "kept"));
  CHECK(check_writable(folder.file("old")).has_value());
  CHECK(text_in(folder.file("old")) == "kept");
  CHECK(check_writable("/nonexistent/x").error().code == ExitCode::usage);
  CHECK(check_writable(folder.name).error().code == ExitCode::usage);
}

TEST_CASE("a file of a home is not written over, whatever it is called by") {
  const Folder folder;
  CHECK(check_writable(folder.file("identity")).has_value());
  fs::create_directory(folder.file("database"));
  REQUIRE(write_file(folder.file("identity"), "secret"));
  fs::create_symlink(folder.file("identity"), folder.file("link"));
  for (const char* leaf : {"identity", "lock", "control.sock", "config.toml", "link",
                           "database/../identity", "database/CURRENT"}) {
    CAPTURE(leaf);
    const auto checked = check_writable(folder.file(leaf));
    REQUIRE_FALSE(checked);
    CHECK(checked.error().code == ExitCode::usage);
  }
  CHECK(check_writable(folder.file("picture.svg")).has_value());
}

TEST_CASE("two names of one file are noticed") {
  const Folder folder;
  CHECK(is_same_file(folder.file("a"), folder.file("./a")));
  CHECK_FALSE(is_same_file(folder.file("a"), folder.file("b")));
  REQUIRE(write_file(folder.file("a"), "x"));
  fs::create_symlink(folder.file("a"), folder.file("b"));
  CHECK(is_same_file(folder.file("a"), folder.file("b")));
  CHECK_FALSE(is_same_file("/dev/null", "/dev/null"));
}

TEST_CASE("what cannot be read to its end is no shorter file") {
  const Folder folder;
  CHECK(read_file(folder.name, "the file", 10).error().code == ExitCode::usage);
  CHECK(read_file(folder.file("none"), "the file", 10).error().code == ExitCode::usage);
  CHECK(read_file("/proc/self/mem", "the file", 10).error().code == ExitCode::internal);
  CHECK(read_file("/dev/zero", "the file", 1000).error().code == ExitCode::usage);
}

}  // namespace cip::cli
