#include "node/home.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "store/rocksdb/inventory.hpp"

namespace cip::node {
namespace fs = std::filesystem;

namespace {

// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool ok() const { return fd_ >= 0; }
  int operator*() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string last_error() { return std::strerror(errno); }

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

// At most `max` bytes from the start of a file; reads it whole when shorter.
Bytes read_some(int fd, std::size_t max) {
  Bytes out(max);
  std::size_t size = 0;
  while (size < max) {
    const auto n = ::pread(fd, out.data() + size, max - size, static_cast<off_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  out.resize(size);
  return out;
}

// A lock over the whole file that belongs to the open file, not to the process; unlike flock() it
// can be asked about without being taken.
struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

LockHolder parse_holder(ByteView text) {
  LockHolder holder;
  const auto all = text_of(text);
  const auto line = all.find('\n');
  if (line == std::string_view::npos) return holder;
  std::from_chars(all.data(), all.data() + line, holder.pid);
  const auto rest = all.substr(line + 1);
  holder.command = std::string(rest.substr(0, rest.find('\n')));
  return holder;
}

tl::unexpected<Error> unwritable_home(const HomePaths& paths, int problem) {
  const bool is_full = problem == ENOSPC || problem == EDQUOT;
  return fail_with(
      is_full ? ExitCode::full : ExitCode::internal,
      fmt::format("the home {} is not writable: {}", paths.home.string(), std::strerror(problem)),
      is_full ? "free some space, or choose another directory with --home DIR or CIPNODE_HOME"
              : "choose another directory with --home DIR or CIPNODE_HOME");
}

// One that was used: the identity is made before it.
bool has_database(const HomePaths& paths) {
  std::error_code error;
  const bool is_written_down =
      fs::exists(store::Inventory::path_of(paths.database.string()), error);
  return is_written_down || fs::exists(paths.database / "CURRENT", error);
}

Outcome<Identity> read_identity(const HomePaths& paths, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) == 0 && (info.st_mode & 077) != 0) {
    return fail_with(ExitCode::refused,
                     fmt::format("others may read the secret key in {}", paths.identity.string()),
                     fmt::format("run: chmod 600 {}", paths.identity.string()));
  }
  const auto bytes = read_some(fd, 33);
  if (bytes.size() != 32) {
    return fail_with(ExitCode::corrupt,
                     fmt::format("{} does not hold a 32-byte key", paths.identity.string()),
                     "restore it from a backup (cipnode id import) or choose another --home");
  }
  return make_identity(first_bytes<32>(bytes));
}

// Writes beside and links into place, so that a crash leaves no half key and two processes agree.
bool write_identity(const HomePaths& paths, const Bytes32& primary_key) {
  auto temporary = paths.identity;
  temporary += fmt::format(".{}", ::getpid());
  Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.ok()) return false;
  const bool written = write_all(*fd, primary_key) && ::fsync(*fd) == 0;
  const bool placed =
      written && (::link(temporary.c_str(), paths.identity.c_str()) == 0 || errno == EEXIST);
  const auto problem = errno;
  ::unlink(temporary.c_str());
  errno = problem;
  return placed;
}

}  // namespace

HomePaths::HomePaths(fs::path home_directory)
    : home(std::move(home_directory)),
      identity(home / "identity"),
      database(home / "database"),
      socket(home / "control.sock"),
      config(home / "config.toml"),
      lock(home / "lock"),
      log(home / "node.log") {}

fs::path default_home() {
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data && *data == '/') return fs::path(data) / "cipnode";
  const char* user = std::getenv("HOME");
  return fs::path(user && *user ? user : "/tmp") / ".local/share/cipnode";
}

Outcome<void> make_home(const HomePaths& paths) {
  std::error_code error;
  fs::create_directories(paths.home.parent_path(), error);
  int problem = ::mkdir(paths.home.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
  if (!problem && !fs::is_directory(paths.home, error)) problem = ENOTDIR;
  if (!problem && ::access(paths.home.c_str(), R_OK | W_OK | X_OK) != 0) problem = errno;
  if (problem) return unwritable_home(paths, problem);
  // Only the owner may look into a home; a directory made by hand is often wider.
  ::chmod(paths.home.c_str(), 0700);
  return {};
}

std::string to_string(const LockHolder& holder) {
  if (holder.pid == 0) return "another process";
  return fmt::format("pid {} ({})", holder.pid, holder.command);
}

Outcome<HomeLock> HomeLock::acquire(const HomePaths& paths, const std::string& command) {
  Fd fd(::open(paths.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.ok()) return unwritable_home(paths, errno);
  auto whole = whole_file(F_WRLCK);
  if (::fcntl(*fd, F_OFD_SETLK, &whole) != 0) {
    return fail_with(ExitCode::busy,
                     fmt::format("the home {} is in use by {}", paths.home.string(),
                                 to_string(parse_holder(read_some(*fd, 4096)))),
                     "use that node, stop it with: cipnode stop, or choose another --home");
  }
  HomeLock lock(fd.release());
  lock.set_command(command);
  return lock;
}

HomeLock& HomeLock::operator=(HomeLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

HomeLock::~HomeLock() {
  if (fd_ < 0) return;
  // The text goes first: whoever finds the file later must not read of a process that is gone.
  static_cast<void>(::ftruncate(fd_, 0));
  ::close(fd_);
}

void HomeLock::set_command(const std::string& command) {
  const auto text = fmt::format("{}\n{}\n", ::getpid(), command);
  if (::ftruncate(fd_, 0) == 0 && ::lseek(fd_, 0, SEEK_SET) == 0) write_all(fd_, bytes_of(text));
}

std::optional<LockHolder> lock_holder(const HomePaths& paths) {
  Fd fd(::open(paths.lock.c_str(), O_RDWR | O_CLOEXEC));
  auto whole = whole_file(F_WRLCK);
  if (!fd.ok() || ::fcntl(*fd, F_OFD_GETLK, &whole) != 0) return std::nullopt;
  if (whole.l_type == F_UNLCK) return std::nullopt;
  return parse_holder(read_some(*fd, 4096));
}

Identity make_identity(const Bytes32& primary_key) {
  const auto name_space = child_namespace(Bytes32{}, "cip/identity");
  return {primary_key, derive_key_pair(primary_key, name_space, "peer")};
}

Outcome<Identity> open_identity(const HomePaths& paths, Random& random) {
  if (!fs::exists(paths.identity) && has_database(paths)) {
    return fail_with(ExitCode::corrupt,
                     fmt::format("the home {} has a database but lost its identity: the file {} is "
                                 "missing",
                                 paths.home.string(), paths.identity.string()),
                     "restore that file from a backup; a new identity would make new feeds beside "
                     "the old ones");
  }
  if (!fs::exists(paths.identity) && !write_identity(paths, random.bytes<32>())) {
    return unwritable_home(paths, errno);
  }
  Fd fd(::open(paths.identity.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) {
    return fail_with(ExitCode::usage,
                     fmt::format("cannot read {}: {}", paths.identity.string(), last_error()));
  }
  return read_identity(paths, *fd);
}

}  // namespace cip::node
