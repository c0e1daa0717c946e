// What commands for a home as a whole ask and print: its health, its secrets, what is saved of it.

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/completion.hpp"
#include "cli/files.hpp"
#include "tests/unit/cli/fake_node.hpp"

namespace cip::cli {

using namespace test;

namespace {

namespace fs = std::filesystem;

// A folder of its own as the working directory, so that golden files hold short names.
struct WorkingFolder {
  WorkingFolder() : before(fs::current_path()) {
    REQUIRE(::mkdtemp(name) != nullptr);
    fs::current_path(name);
  }
  ~WorkingFolder() {
    fs::current_path(before);
    fs::remove_all(name);
  }
  fs::path before;
  char name[32] = "/tmp/cipnode-home-XXXXXX";
};

unsigned mode_of(const char* path) {
  struct stat info {};
  REQUIRE(::stat(path, &info) == 0);
  return info.st_mode & 0777;
}

std::string text_in(const char* path) { return *read_file(path, "the file", 1 << 20); }

}  // namespace

TEST_CASE("log level asks for levels, or for a change of them, and shows what holds") {
  const Json levels = {{"dht", "debug"}, {"node", "warning"}};
  check("log-level", {.results = {{{"levels", levels}}}}, {"log", "level"});
  check("log-level-spec", {.results = {{{"levels", levels}}}}, {"log", "level", "dht=debug"});
  FakeNode node;
  CHECK(run_command_line(node, {"log", "level", "dht=loud"}).code == 2);
  CHECK(node.asked.empty());
}

TEST_CASE("health ends with the code of the first check that fails") {
  const Json database = {
      {"check", "database"}, {"ok", true}, {"code", 0}, {"message", "it was written just now"}};
  const Json disk = {{"check", "disk"},
                     {"ok", false},
                     {"code", 11},
                     {"message", "12 MiB are free on the disk"},
                     {"hint", "free some space"}};
  const Json network = {{"check", "network"},
                        {"ok", false},
                        {"code", 4},
                        {"message", "none of the contacts given answers"}};
  check("health", {.results = {{{"ok", false}, {"checks", {database, disk, network}}}}},
        {"health"});
  check("health-well", {.results = {{{"ok", true}, {"checks", Json::array({database})}}}},
        {"health"});
  check("health-no-daemon",
        {.end = failed({ExitCode::no_daemon, "no node runs in /tmp/home",
                        "start one with: cipnode join --detach"})},
        {"health"});
}

TEST_CASE("salvage says of each feed what became of it") {
  const auto feed = [](const char* name, bool saved) {
    return Json{
        {"key", kKey}, {"keyHex", kHex}, {"name", name}, {"writable", true}, {"saved", saved}};
  };
  auto whole = feed("log", true);
  whole.update({{"length", 5000}, {"lost", 0}, {"blocks", 5000}, {"bytes", 123456}});
  auto damaged = feed("", true);
  damaged.update({{"length", 8}, {"lost", 1}, {"blocks", 7}, {"bytes", 700}});
  damaged["reason"] = "blocks that cannot be read: 1";
  auto lost = feed("news", false);
  lost["reason"] = "its tree or signature does not hold: hash differs";
  const Json summary = {{"home", "/tmp/rescued"}, {"identity", true}, {"feeds", 2},
                        {"notSaved", 1},          {"keys", 3},        {"topics", 1}};
  check("salvage", {.results = {whole, damaged, lost, summary}}, {"salvage", "/tmp/rescued"});
  check("salvage-busy",
        {.end = failed({ExitCode::busy, "the home /h is held by process 4711",
                        "stop it with: cipnode stop"})},
        {"salvage", "/tmp/rescued"});
  check("salvage-nowhere", {}, {"salvage"});
}

TEST_CASE("backup and restore name folders and say what came of it") {
  const Json made = {{"dir", "/mnt/monday"}, {"key", kKey},       {"keyHex", kHex},
                     {"files", 12},          {"bytes", 34567890}, {"created", 1700000000000}};
  check("backup", {.results = {made}}, {"backup", "/mnt/monday"});
  check("backup-full",
        {.end = failed({ExitCode::full,
                        "/mnt/monday.partial-7/database/000012.sst cannot be written: No space "
                        "left on device; nothing is left of the backup",
                        "free some space, or name another folder"})},
        {"backup", "/mnt/monday"});
  check("backup-nowhere", {}, {"backup"});
  const Json restored = {
      {"home", "/h"},      {"key", kKey}, {"keyHex", kHex},           {"files", 12},
      {"bytes", 34567890}, {"feeds", 3},  {"created", 1700000000000}, {"program", "0.1.0"}};
  check("restore", {.results = {restored}}, {"restore", "/mnt/monday"});
  check("restore-newer",
        {.end = failed({ExitCode::incompatible,
                        "the backup was made by a newer cipnode: cipnode backup 2",
                        "use that version, or a newer one"})},
        {"restore", "/mnt/monday"});
}

TEST_CASE("what appends in a restored home may go on though nobody answers") {
  FakeNode node;
  run_command_line(node, {"publish", "news", "hello", "--assume-latest"});
  CHECK(node.asked.find("\"assumeLatest\":true") != std::string::npos);
  run_command_line(node, {"feed", "append", "log", "--file", "/dev/null", "--assume-latest"});
  CHECK(node.asked.find("\"assumeLatest\":true") != std::string::npos);
}

TEST_CASE("exported secrets go into a new file for its owner alone") {
  const WorkingFolder folder;
  const std::string secrets("\0secrets", 8);
  FakeNode node{.data = secrets};
  const auto made = run_command_line(node, {"id", "export", "id.bak"});
  CHECK(made.code == 0);
  CHECK(node.asked == "id.export {}");
  CHECK(text_in("id.bak") == secrets);
  CHECK(mode_of("id.bak") == 0600);

  // What is there may be the only copy of other secrets.
  node.data = "others";
  CHECK(run_command_line(node, {"id", "export", "id.bak"}).code == 12);
  CHECK(text_in("id.bak") == secrets);
  check("id-export-there", node, {"id", "export", "id.bak"});
  check("id-export", node, {"id", "export", "id.bak", "--yes"});
  CHECK(text_in("id.bak") == "others");
  CHECK(mode_of("id.bak") == 0600);
}

TEST_CASE("exported secrets go to a pipe, never to a terminal or beside JSON") {
  check("id-export-stdout", {.data = "secrets\n"}, {"id", "export", "-"});
  FakeNode node{.data = "secrets"};
  RecordingConsole console;
  console.out_is_terminal = true;
  const auto backend = node.backend();
  CHECK(run_application({"id", "export", "-"}, kEmpty, console, backend) == 2);
  CHECK(console.out.empty());
  CHECK(node.asked.empty());
}

TEST_CASE("an export that fails leaves no file") {
  const WorkingFolder folder;
  FakeNode node{.end = failed({ExitCode::corrupt, "the identity cannot be read", ""})};
  CHECK(run_command_line(node, {"id", "export", "id.bak"}).code == 13);
  CHECK_FALSE(fs::exists("id.bak"));
}

TEST_CASE("imported secrets reach the node as they are in the file") {
  const WorkingFolder folder;
  REQUIRE(write_file("id.bak", "secrets"));
  Json done = {{"key", kKey}, {"keyHex", kHex}, {"feeds", 2},
               {"topics", 1}, {"keys", 3},      {"renamed", 0}};
  check("id-import", {.results = {done}}, {"id", "import", "id.bak"});
  done["renamed"] = 1;
  check("id-import-renamed", {.results = {done}}, {"id", "import", "id.bak"});
  check("id-import-nothing", {}, {"id", "import", "other.bak"});
}

TEST_CASE("secrets are sealed with a passphrase from a file, and opened with it alone") {
  const WorkingFolder folder;
  REQUIRE(write_file("secret.txt", "correct horse\n"));
  FakeNode node{.data = "secrets"};
  const auto made =
      run_command_line(node, {"id", "export", "id.sealed", "--passphrase-file", "secret.txt"});
  CHECK(made.code == 0);
  CHECK(made.err.find("the passphrase is this node") != std::string::npos);
  CHECK(mode_of("id.sealed") == 0600);
  CHECK(text_in("id.sealed").starts_with("cipnode-sealed"));
  CHECK(text_in("id.sealed").find("secrets") == std::string::npos);
  FakeNode taker;
  CHECK(run_command_line(taker, {"id", "import", "id.sealed", "--passphrase-file", "secret.txt"})
            .code == 0);
  CHECK(taker.asked == "id.import {} <- secrets");

  FakeNode other;
  REQUIRE(write_file("wrong.txt", "correct horses"));
  check("id-import-wrong-passphrase", other,
        {"id", "import", "id.sealed", "--passphrase-file", "wrong.txt"});
  check("id-import-no-passphrase", other, {"id", "import", "id.sealed"});
  REQUIRE(write_file("empty.txt", "\n"));
  REQUIRE(write_file("long.txt", std::string(4097, 'x')));
  for (const char* file : {"empty.txt", "long.txt", "none.txt"}) {
    CHECK(run_command_line(other, {"id", "export", "new", "--passphrase-file", file}).code == 2);
  }
  CHECK(run_command_line(other, {"id", "export", "new", "--passphrase"}).code == 2);
  CHECK_FALSE(fs::exists("new"));
  CHECK(other.asked.empty());
}

TEST_CASE("a passphrase is typed twice for a new file and once for an old one, and not shown") {
  const WorkingFolder folder;
  FakeNode node{.data = "secrets"};
  const auto backend = node.backend();
  RecordingConsole console;
  console.secrets = {"correct horse", "correct hors"};
  CHECK(run_application({"id", "export", "id.sealed", "--passphrase"}, kEmpty, console, backend) ==
        2);
  CHECK(console.err.find("differ") != std::string::npos);
  CHECK_FALSE(fs::exists("id.sealed"));
  console.secrets = {"correct horse", "correct horse"};
  CHECK(run_application({"id", "export", "id.sealed", "--passphrase"}, kEmpty, console, backend) ==
        0);
  console.secrets = {"correct horse"};
  CHECK(run_application({"id", "import", "id.sealed"}, kEmpty, console, backend) == 0);
  CHECK(node.asked == "id.import {} <- secrets");
  console.secrets = {"something else"};
  CHECK(run_application({"id", "import", "id.sealed"}, kEmpty, console, backend) == 7);
  CHECK((console.out + console.err).find("horse") == std::string::npos);
}

TEST_CASE("du shows feeds, largest first, and what each class takes") {
  const Json own{
      {"class", "own"}, {"bytes", 5'000'000}, {"key", kKey}, {"name", "log"}, {"topic", nullptr}};
  const Json kept{
      {"class", "kept"}, {"bytes", 1'200'000}, {"key", kKey}, {"name", ""}, {"topic", nullptr}};
  const Json author{
      {"class", "kept"}, {"bytes", 900}, {"key", kKey}, {"name", ""}, {"topic", "news"}};
  const Json records{{"class", "records"}, {"bytes", 77}};
  check("du", {.results = {own, kept, author, records}}, {"du"});
  FakeNode empty;
  CHECK(run_command_line(empty, {"du"}).err.find("nothing is stored") != std::string::npos);
}

TEST_CASE("completion prints the script of the shell that is named") {
  FakeNode node;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CHECK(run_command_line(node, {"completion", shell}).out == completion_script(shell));
  }
  CHECK(node.asked.empty());
  check("completion-other", {}, {"completion", "csh"});
}

}  // namespace cip::cli
