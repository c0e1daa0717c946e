#include "node/home.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <ios>

#include "base/random.hpp"
#include "node/home_content.hpp"
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

// The lock alone, which is all that programs took before it had cards.
class OldLock {
 public:
  explicit OldLock(const HomePaths& paths)
      : fd_(::open(paths.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_len = off_t{1} << 30;
    REQUIRE(::fcntl(fd_, F_OFD_SETLK, &lock) == 0);
  }
  OldLock(const OldLock&) = delete;
  OldLock& operator=(const OldLock&) = delete;
  ~OldLock() { ::close(fd_); }

 private:
  int fd_;
};
}  // namespace

TEST_CASE(
    "a home is made with its parents for its owner alone; a folder that was there stays as it is") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path() / "a/b/home");
  REQUIRE(make_home(paths));
  CHECK(mode_of(paths.home) == 0700);
  fs::permissions(paths.home, fs::perms(0755));
  REQUIRE(make_home(paths));
  CHECK(mode_of(paths.home) == 0755);
}

TEST_CASE("files of other programs under the names of a home are left alone") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  std::ofstream(paths.lock) << "of another program\n";
  auto refused = make_home(paths);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ExitCode::refused);
  CHECK(refused.error().message.find(paths.lock.string()) != std::string::npos);
  fs::remove(paths.lock);

  fs::create_directory(paths.database);
  REQUIRE(make_home(paths));
  // What a first start that was cut off leaves.
  std::ofstream(paths.database / "LOCK");
  std::ofstream(paths.database / "MANIFEST-000001") << "x";
  std::ofstream(paths.lock) << "123\ncipnode join\n";
  REQUIRE(make_home(paths));
  std::ofstream(paths.database / "customers.csv") << "a,b\n";
  refused = make_home(paths);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("customers.csv") != std::string::npos);
  std::ofstream(paths.identity) << "x";
  CHECK(make_home(paths));  // a home, whatever else it holds
}

TEST_CASE("without an identity, what a node would make after it is of another program") {
  for (const char* name :
       {"control.sock", "node.log", "node.log.1", "database", "database.reserve"}) {
    const test::TemporaryDirectory directory;
    const HomePaths paths(directory.path());
    std::ofstream(paths.home / name) << "precious";
    const auto refused = make_home(paths);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ExitCode::refused);
    CHECK(refused.error().message.find((paths.home / name).string()) != std::string::npos);
    CHECK(fs::file_size(paths.home / name) == 8);
    std::ofstream(paths.identity) << "x";
    CHECK(make_home(paths));
  }
}

TEST_CASE("a home that lost its identity is no folder of another program") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  for (const char* name : {"database.inventory", "database.reserve", "node.log", "control.sock"}) {
    std::ofstream(paths.home / name) << "x";
  }
  CHECK(make_home(paths));
}

TEST_CASE("what the system is short of is told, whoever asked for it") {
  const auto hint = [](int problem) {
    return std::string(hint_for_shortage({problem, std::generic_category()}));
  };
  CHECK(hint(EMFILE).find("ulimit -n") != std::string::npos);
  CHECK(hint(EAGAIN).find("ulimit -u") != std::string::npos);
  CHECK(hint(EACCES).empty());
  CHECK(hint_for_shortage({EMFILE, std::system_category()}) == hint(EMFILE));
  CHECK(hint_for_shortage(std::make_error_code(std::io_errc::stream)).empty());
}

TEST_CASE("a lock is known by all of its lines") {
  for (const char* own : {"", "7\ncipnode join\n", "7\ncipnode join --detach\njoined running\n",
                          "7\nstarted for cipnode feed ls\nfor-command starting\n",
                          "7\ncipnode feed ls --no-daemon\nin-process leaving\n"}) {
    CAPTURE(own);
    CHECK(is_lock_text(own));
  }
  for (const char* foreign :
       {"7", "7\n", "x", "\ncipnode join\n", "7 \ncipnode join\n", "7\nmysqld\nhost\n",
        "7\ncipnode join\nsome thing\n", "7\ncipnode join\njoined running\nmore\n"}) {
    CAPTURE(foreign);
    CHECK_FALSE(is_lock_text(foreign));
  }
}

TEST_CASE("the files that a home lives on are known by whatever way one comes to them") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path() / "home");
  fs::create_directories(paths.database);
  std::ofstream(directory.path() / "key") << "x";
  fs::create_symlink(directory.path() / "key", paths.identity);
  fs::create_directory_symlink(paths.home, directory.path() / "link");
  for (const char* own : {"home/identity", "key", "link/lock", "home/database/../node.log",
                          "home/control.sock", "home/config.toml", "home/node.log.1",
                          "home/database", "home/database/x", "home/database.inventory"}) {
    CAPTURE(own);
    CHECK(is_home_file(paths, directory.path() / own));
  }
  for (const char* other : {"identity", "home/backup", "home2/identity", "database"}) {
    CAPTURE(other);
    CHECK_FALSE(is_home_file(paths, directory.path() / other));
  }
}

TEST_CASE("the home of somebody else is refused, by the name of its owner, and left as it is") {
  if (::geteuid() != 0) return;  // only root can give folders away; the cases run as root
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path() / "home");
  fs::create_directory(paths.home);
  REQUIRE(::chown(paths.home.c_str(), 1, 1) == 0);
  for (const auto& outcome : {check_home_owner(paths), make_home(paths),
                              check_home_owner(HomePaths(paths.home / "not/there"))}) {
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == ExitCode::refused);
    CHECK(outcome.error().message.find("belongs to daemon") != std::string::npos);
    CHECK(outcome.error().hint.find("sudo -u daemon") != std::string::npos);
  }
  CHECK(fs::is_empty(paths.home));
}

TEST_CASE("in a folder that many use, the files in it tell whose home it is") {
  if (::geteuid() != 0) return;
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  CHECK(check_home_owner(paths));
  std::ofstream(paths.identity) << "x";
  CHECK(check_home_owner(paths));
  REQUIRE(::chown(paths.identity.c_str(), 1, 1) == 0);
  CHECK(check_home_owner(paths).error().code == ExitCode::refused);
}

TEST_CASE("without HOME the passwd database names the user's folder") {
  const char* home = std::getenv("HOME");
  const std::string before = home ? home : "";
  for (const char* useless : {"", "relative"}) {
    ::setenv("HOME", useless, 1);
    const auto folder = user_folder();
    CHECK((!folder || folder->is_absolute()));
    CHECK((!folder || *folder != "/tmp"));
  }
  ::setenv("HOME", "/somewhere", 1);
  CHECK(user_folder() == fs::path("/somewhere"));
  ::setenv("HOME", before.c_str(), 1);
  CHECK(check_home_named("").error().code == ExitCode::usage);
  CHECK(check_home_named("/h"));
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
    auto lock = HomeLock::acquire(paths, "cipnode join", HomeRole::joined);
    REQUIRE(lock);
    const auto second = HomeLock::acquire(paths, "cipnode publish", HomeRole::in_process);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ExitCode::busy);
    CHECK(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
    CHECK(second.error().message.find("cipnode join") != std::string::npos);

    REQUIRE(lock_holder(paths));
    CHECK(lock_holder(paths)->pid == ::getpid());
    CHECK(lock_holder(paths)->command == "cipnode join");
    CHECK(lock_holder(paths)->role == HomeRole::joined);
    CHECK(lock_holder(paths)->state == HomeState::starting);
    lock->set_state(HomeState::leaving);
    CHECK(lock_holder(paths)->state == HomeState::leaving);
  }
  CHECK_FALSE(lock_holder(paths));
  CHECK(HomeLock::acquire(paths, "cipnode", HomeRole::for_command));
}

TEST_CASE("who holds a lock is known where the file has no text, or that of a process before it") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  auto lock = HomeLock::acquire(paths, "cipnode join", HomeRole::for_command);
  REQUIRE(lock);
  lock->set_state(HomeState::running);
  for (const char* text : {"", "1\ncipnode join\njoined leaving\n"}) {
    std::ofstream(paths.lock) << text;
    const auto holder = lock_holder(paths);
    REQUIRE(holder);
    CHECK(to_string(*holder) == "pid " + std::to_string(::getpid()));
    CHECK(holder->role == HomeRole::for_command);
    CHECK(holder->state == HomeState::running);
  }
}

TEST_CASE("what an older program wrote into the lock is a node that stays") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  const OldLock lock(paths);
  std::ofstream(paths.lock) << "7\ncipnode join\n";
  CHECK(lock_holder(paths)->pid == 7);
  CHECK(lock_holder(paths)->role == HomeRole::joined);
  std::ofstream(paths.lock).flush();
  CHECK(lock_holder(paths)->role == HomeRole::unknown);
}

TEST_CASE("one process at a time has the turn, beside whoever holds the home") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  const auto lock = HomeLock::acquire(paths, "x", HomeRole::for_command);
  CHECK_FALSE(is_turn_taken(paths));
  {
    const auto turn = HomeTurn::try_take(paths);
    REQUIRE(turn);
    REQUIRE(*turn);
    CHECK(is_turn_taken(paths));
    CHECK_FALSE(*HomeTurn::try_take(paths));
  }
  CHECK_FALSE(is_turn_taken(paths));
}

TEST_CASE("an identity of a later format is refused and stays as it is") {
  const test::TemporaryDirectory directory;
  const HomePaths paths(directory.path());
  SeededRandom random(1);
  REQUIRE(open_identity(paths, random));
  const std::string later = "cipnode identity 2\nsealed";
  std::ofstream(paths.identity) << later;
  const auto opened = open_identity(paths, random);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ExitCode::incompatible);
  CHECK(opened.error().message.find("format 2, and this program reads 1") != std::string::npos);
  std::ifstream file(paths.identity);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == later);
  std::ofstream(paths.identity) << "cipnode identity \nx";
  CHECK(open_identity(paths, random).error().code == ExitCode::corrupt);
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
