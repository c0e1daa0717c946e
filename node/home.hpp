#pragma once

// The home directory of a node: its paths, its lock and its identity.
//
//   HOME/            mode 0700
//     lock           locked by the kernel while a process uses the home; text: "PID\nCOMMAND\n"
//     identity       32 bytes, the primary key; mode 0600
//     database/      RocksDB; beside it .inventory: what it must have, .reserve: room kept to free
//     control.sock   the control service; stale when the lock is free
//     config.toml    settings of this home
//     node.log       what a node in the background has to say

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

  std::filesystem::path home, identity, database, socket, config, lock, log;
};

// $CIPNODE_HOME is the command line's business; this is the default behind it.
std::filesystem::path default_home();

// Makes the directory (and those above it) with mode 0700. Error internal: it cannot be made or
// written to.
Outcome<void> make_home(const HomePaths& paths);

struct LockHolder {
  pid_t pid = 0;
  std::string command;
};
// "pid 4711 (cipnode join)"; "another process" when nothing is known.
std::string to_string(const LockHolder& holder);

// Holds the kernel's lock on a home; freed by the destructor and by the end of the process.
class HomeLock {
 public:
  // `command` is what others are told who finds it held. Error: busy, naming the holder.
  static Outcome<HomeLock> acquire(const HomePaths& paths, const std::string& command);
  HomeLock(HomeLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  HomeLock& operator=(HomeLock&& other) noexcept;
  ~HomeLock();

  // Changes what others are told, when a background node becomes a foreground one.
  void set_command(const std::string& command);

 private:
  explicit HomeLock(int fd) : fd_(fd) {}
  int fd_;
};

// Who holds the lock of the home; nothing when it is free or the home does not exist.
std::optional<LockHolder> lock_holder(const HomePaths& paths);

// The key pair others know the node by, and the primary key it was derived from.
struct Identity {
  Bytes32 primary_key{};
  KeyPair peer;
};
Identity make_identity(const Bytes32& primary_key);
// Reads the identity file, or makes one that exists completely or not at all. Errors: corrupt for a
// file of the wrong size, refused when others may read it, full or internal: it is not written.
Outcome<Identity> open_identity(const HomePaths& paths, Random& random);

}  // namespace cip::node
