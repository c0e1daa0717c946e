#pragma once

// The home directory of a node: its paths, its lock and its identity.
//
//   HOME/            mode 0700 if we made it; a folder that was there keeps its mode
//     lock           locked by the kernel while a process uses the home, which also knows its pid,
//                    role and state; text for people: "PID\nCOMMAND\nROLE STATE\n"; mode 0600
//     identity       32 bytes, the primary key; mode 0600. A later format begins with a line
//                    "cipnode identity NUMBER"
//     database/      RocksDB; mode 0700; beside it .inventory: what it must have, .reserve and
//                    .spare: room kept to free, .mark (home_mark.hpp)
//     control.sock   the control service; mode 0600; stale when the lock is free
//     config.toml    settings of this home
//     restore.partial/  what is being restored (restore.hpp); without an identity beside it the
//                    home is none yet
//     node.log       what a node in the background has to say; mode 0600

#include <sys/types.h>
#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/crypto.hpp"
#include "base/random.hpp"
#include "node/error.hpp"

namespace cip::node {

struct HomePaths {
  explicit HomePaths(std::filesystem::path home_directory);

  std::filesystem::path home, identity, database, mark, socket, config, lock, log, restoring;
};

// The folder of the user: $HOME, else what the passwd database says. Nothing: neither names one.
std::optional<std::filesystem::path> user_folder();
// Where the home is when nobody named one ($CIPNODE_HOME is the command line's business). Empty:
// nowhere, as this user has no folder.
std::filesystem::path default_home();
// Error usage: no home was named and there is no default.
Outcome<void> check_home_named(const std::filesystem::path& home);

// A home is used by its owner alone. Error refused: it belongs to somebody else, who is named, or
// may not be looked into. A home that is not there yet belongs to who owns the folder it would be
// made in, when root asks: what root leaves there locks the owner out.
Outcome<void> check_home_owner(const HomePaths& paths);

// Makes the directory (and those above it) with mode 0700. Errors: refused as above, or since it
// may not be made or written to.
Outcome<void> make_home(const HomePaths& paths);

// What a process holds a home for. Frozen, as the states are: the lock is taken with these numbers.
enum class HomeRole {
  unknown = 0,      // nothing is known of the process (yet)
  joined = 1,       // a node that was joined: it stays
  for_command = 2,  // a node that was started for a command: a `join` takes its home over
  in_process = 3,   // one command with --no-daemon
};
enum class HomeState { starting = 0, running = 1, leaving = 2 };

struct LockHolder {
  pid_t pid = 0;
  std::string command;
  HomeRole role = HomeRole::unknown;
  HomeState state = HomeState::starting;
};
// "pid 4711 (cipnode join)"; "another process" when nothing is known.
std::string to_string(const LockHolder& holder);
// Error busy, naming who holds the home.
tl::unexpected<Error> home_in_use(const HomePaths& paths, const LockHolder& holder);

// Holds the kernel's lock on a home; freed by the destructor and by the end of the process.
class HomeLock {
 public:
  // Others who find it held are told `command`, if the disk has room for it, and `role`. Error:
  // busy, naming the holder.
  static Outcome<HomeLock> acquire(const HomePaths& paths, const std::string& command,
                                   HomeRole role);
  HomeLock(HomeLock&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), holder_(std::move(other.holder_)) {}
  HomeLock& operator=(HomeLock&& other) noexcept;
  ~HomeLock();

  void set_state(HomeState state);
  // Somebody removed the file, and most likely the whole home.
  bool is_removed() const;

 private:
  HomeLock(int fd, LockHolder holder) : fd_(fd), holder_(std::move(holder)) {}
  int fd_;
  LockHolder holder_;
};

// The class of a failure to write to a home, of an errno: full, refused (rights), else internal.
ExitCode exit_code_of_problem(int problem);

// Who holds the lock of the home; nothing when it is free or the home does not exist.
std::optional<LockHolder> lock_holder(const HomePaths& paths);

// Ends it with SIGTERM. False: it is not certain that this process, as numbered here, has the lock.
bool end_holder(const HomePaths& paths, const LockHolder& holder);

// The right to be the next who takes the lock. A `join` has it from before it ends another node
// until its own holds the lock, so that nobody slips in between.
class HomeTurn {
 public:
  // Nothing: another process has it.
  static Outcome<std::optional<HomeTurn>> try_take(const HomePaths& paths);
  HomeTurn(HomeTurn&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  HomeTurn& operator=(HomeTurn&&) = delete;
  ~HomeTurn();

 private:
  explicit HomeTurn(int fd) : fd_(fd) {}
  int fd_;
};
// Whether somebody has the turn.
bool is_turn_taken(const HomePaths& paths);

// The key pair others know the node by, and the primary key it was derived from.
struct Identity {
  Bytes32 primary_key{};
  KeyPair peer;
};
Identity make_identity(const Bytes32& primary_key);
// Reads the identity file, or makes one that exists completely or not at all. Errors: incompatible
// for a later format, corrupt for a file of the wrong size, refused when others may read it, full
// or internal: it is not written.
Outcome<Identity> open_identity(const HomePaths& paths, Random& random);

}  // namespace cip::node
