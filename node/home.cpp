#include "node/home.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "node/file_descriptor.hpp"
#include "node/home_content.hpp"
#include "node/identity_file.hpp"
#include "store/saved_formats.hpp"

namespace cip::node {
namespace fs = std::filesystem;

namespace {

// Of what may not be looked into, or belongs to somebody else.
std::string name_of(uid_t user) {
  const auto* entry = ::getpwuid(user);
  return entry ? std::string(entry->pw_name) : fmt::format("user {}", user);
}

// As sudo takes it.
std::string argument_of(uid_t user) {
  return ::getpwuid(user) ? name_of(user) : fmt::format("'#{}'", user);
}

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

// A lock that belongs to the open file, not to the process; unlike flock() it can be asked about
// without being taken. The holder of the home locks the bytes in front, whose turn it is the one
// behind them. A third one says who holds the home, by its place: a full disk has no room for text.
constexpr off_t kTurnByte = off_t{1} << 30;
constexpr off_t kFirstCard = off_t{1} << 31;
struct flock lock_of(short type, off_t start, off_t length) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}
struct flock home_lock(short type) {
  return lock_of(type, 0, kTurnByte);
}
struct flock turn_lock(short type) {
  return lock_of(type, kTurnByte, 1);
}

// The place of a card: kFirstCard + 16 * pid + 4 * role + state. Frozen: programs of all versions
// ask each other.
struct flock card_lock(short type, const LockHolder& holder) {
  const auto kind = 4 * static_cast<int>(holder.role) + static_cast<int>(holder.state);
  return lock_of(type, kFirstCard + off_t{16} * holder.pid + kind, 1);
}
std::optional<LockHolder> find_card(int fd) {
  auto lock = lock_of(F_WRLCK, kFirstCard, 0);  // to the end of all places
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return std::nullopt;
  const auto place = lock.l_start - kFirstCard;
  const auto role = static_cast<HomeRole>(place / 4 % 4);
  const auto state = static_cast<HomeState>(std::min<off_t>(place % 4, 2));
  return LockHolder{static_cast<pid_t>(place / 16), {}, role, state};
}

constexpr std::array<std::pair<HomeRole, std::string_view>, 3> kRoles{
    {{HomeRole::joined, "joined"},
     {HomeRole::for_command, "for-command"},
     {HomeRole::in_process, "in-process"}}};
constexpr std::array<std::pair<HomeState, std::string_view>, 3> kStates{
    {{HomeState::starting, "starting"},
     {HomeState::running, "running"},
     {HomeState::leaving, "leaving"}}};

template <typename Table, typename Value>
std::string_view word_of(const Table& table, Value value) {
  for (const auto& [known, word] : table) {
    if (known == value) return word;
  }
  return "unknown";
}
template <typename Table, typename Value>
void read_word(const Table& table, std::string_view text, Value& value) {
  for (const auto& [known, word] : table) {
    if (word == text) value = known;
  }
}

// What stands in front of the separator, which is taken off too.
std::string_view cut(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const auto out = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return out;
}

std::string lock_text(const LockHolder& holder) {
  return fmt::format("{}\n{}\n{} {}\n", holder.pid, holder.command, word_of(kRoles, holder.role),
                     word_of(kStates, holder.state));
}

LockHolder parse_holder(ByteView bytes) {
  LockHolder holder;
  auto text = text_of(bytes);
  if (text.find('\n') == std::string_view::npos) return holder;
  const auto pid = cut(text, '\n');
  std::from_chars(pid.data(), pid.data() + pid.size(), holder.pid);
  holder.command = std::string(cut(text, '\n'));
  // Programs before these roles wrote two lines; whatever they are, they stay.
  holder.role = HomeRole::joined;
  holder.state = HomeState::running;
  read_word(kRoles, cut(text, ' '), holder.role);
  read_word(kStates, cut(text, '\n'), holder.state);
  return holder;
}

// The text is believed where the kernel knows nothing better: programs before the card had none.
LockHolder read_holder(int fd) {
  auto told = parse_holder(read_some(fd, 4096));
  auto card = find_card(fd);
  if (!card) return told;
  if (told.pid == card->pid) card->command = std::move(told.command);
  return *card;
}

template <typename Table>
bool is_known(const Table& table, std::string_view text) {
  return std::ranges::any_of(table, [&](const auto& entry) { return entry.second == text; });
}

// Another home is another node: what makes this one work again comes first.
std::string way_to_write(int problem) {
  constexpr std::string_view kElsewhere =
      "choose another directory with --home DIR or CIPNODE_HOME";
  const auto shortage = hint_for_shortage({problem, std::generic_category()});
  if (!shortage.empty()) return std::string(shortage);
  if (exit_code_of_problem(problem) == ExitCode::full) {
    return fmt::format("free some space, or {}", kElsewhere);
  }
  if (problem == EROFS) return fmt::format("mount it writable again, or {}", kElsewhere);
  if (problem == EACCES || problem == EPERM) {
    return fmt::format("give yourself the right (chmod u+rwx), or {}", kElsewhere);
  }
  return std::string(kElsewhere);
}

tl::unexpected<Error> unwritable_home(const HomePaths& paths, int problem) {
  return fail_with(
      exit_code_of_problem(problem),
      fmt::format("the home {} is not writable: {}", paths.home.string(), std::strerror(problem)),
      way_to_write(problem));
}

// Another format of the identity names itself and its number in its first line, as the other files
// of a home do. A key begins so once in 2^136 homes.
constexpr std::string_view kLaterIdentity = "cipnode\x20identity ";
constexpr std::size_t kLongestIdentity = 64;

// 1: it is of the only format that there is so far, or damaged.
std::uint64_t identity_format(ByteView bytes) {
  std::uint64_t format = 1;
  auto text = text_of(bytes);
  if (!text.starts_with(kLaterIdentity)) return format;
  text.remove_prefix(kLaterIdentity.size());
  std::from_chars(text.data(), text.data() + text.size(), format);
  return format;
}

Outcome<Identity> read_identity(const HomePaths& paths, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) == 0 && (info.st_mode & 077) != 0) {
    return fail_with(ExitCode::refused,
                     fmt::format("others may read the secret key in {}", paths.identity.string()),
                     fmt::format("run: chmod 600 {}", paths.identity.string()));
  }
  const auto bytes = read_some(fd, kLongestIdentity);
  if (const auto later = store::later_format("it", identity_format(bytes), 1); !later.empty()) {
    return fail_with(
        ExitCode::incompatible,
        fmt::format("the identity {} is of a newer cipnode: {}", paths.identity.string(), later),
        "nothing was changed; use that version, or a newer one");
  }
  if (bytes.size() != 32) {
    return fail_with(ExitCode::corrupt,
                     fmt::format("{} does not hold a 32-byte key", paths.identity.string()),
                     "restore it from a backup (cipnode id import) or choose another --home");
  }
  return make_identity(first_bytes<32>(bytes));
}

}  // namespace

ExitCode exit_code_of_problem(int problem) {
  if (problem == ENOSPC || problem == EDQUOT) return ExitCode::full;
  const bool is_denied = problem == EACCES || problem == EPERM || problem == EROFS;
  return is_denied ? ExitCode::refused : ExitCode::internal;
}

// Many programs keep their number in a file of this name: the number alone makes it nobody's.
bool is_lock_text(std::string_view text) {
  if (text.empty()) return true;
  const auto pid = cut(text, '\n');
  const auto is_number = !pid.empty() && pid.find_first_not_of("0123456789") == pid.npos;
  const auto command = cut(text, '\n');
  if (!is_number) return false;
  // Programs before these roles wrote two lines.
  if (text.empty()) return command.find("cipnode") != command.npos;
  return is_known(kRoles, cut(text, ' ')) && is_known(kStates, cut(text, '\n')) && text.empty();
}

HomePaths::HomePaths(fs::path home_directory)
    : home(std::move(home_directory)),
      identity(home / "identity"),
      database(home / "database"),
      mark(home / "database.mark"),
      socket(home / "control.sock"),
      config(home / "config.toml"),
      lock(home / "lock"),
      log(home / "node.log"),
      restoring(home / "restore.partial") {}

std::optional<fs::path> user_folder() {
  const char* named = std::getenv("HOME");
  if (named && *named == '/') return fs::path(named);
  const auto* entry = ::getpwuid(::geteuid());
  std::error_code error;
  if (!entry || !entry->pw_dir || *entry->pw_dir != '/') return std::nullopt;
  if (!fs::is_directory(entry->pw_dir, error)) return std::nullopt;
  return fs::path(entry->pw_dir);
}

fs::path default_home() {
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data && *data == '/') return fs::path(data) / "cipnode";
  const auto user = user_folder();
  return user ? *user / ".local/share/cipnode" : fs::path();
}

Outcome<void> check_home_named(const fs::path& home) {
  if (home.is_absolute()) return {};
  if (!home.empty()) {
    return fail_with(ExitCode::usage,
                     fmt::format("there is no {}: the current folder is gone", home.string()),
                     "name another with --home DIR or CIPNODE_HOME");
  }
  return fail_with(ExitCode::usage,
                   fmt::format("there is no folder for a node: HOME is not set, and {} has none in "
                               "the passwd database",
                               name_of(::geteuid())),
                   "name one with --home DIR or CIPNODE_HOME");
}

namespace {

tl::unexpected<Error> foreign_home(const fs::path& what, uid_t owner) {
  const auto name = name_of(owner);
  return fail_with(
      ExitCode::refused,
      fmt::format("{} belongs to {}, and you are {}", what.string(), name, name_of(::geteuid())),
      fmt::format("run it as the owner: sudo -u {} cipnode …, or choose another "
                  "--home",
                  argument_of(owner)));
}

tl::unexpected<Error> closed_home(const fs::path& home) {
  return fail_with(ExitCode::refused, fmt::format("the home {} may not be read", home.string()),
                   "run it as the user whose home it is, or choose another --home");
}

// The owner of the nearest folder above that is there.
std::optional<uid_t> owner_above(fs::path folder) {
  struct stat info {};
  do {
    folder = folder.parent_path();
    if (::stat(folder.c_str(), &info) == 0) return info.st_uid;
  } while (folder.has_relative_path());
  return std::nullopt;
}

}  // namespace

Outcome<void> check_home_owner(const HomePaths& paths) {
  const auto me = ::geteuid();
  struct stat folder {};
  if (::stat(paths.home.c_str(), &folder) != 0) {
    if (errno == EACCES) return closed_home(paths.home);
    const auto owner = me == 0 ? owner_above(paths.home) : std::nullopt;
    if (owner.value_or(me) != me) return foreign_home(paths.home.parent_path(), *owner);
    return {};
  }
  if (me == 0 && folder.st_uid != me) {
    return foreign_home(fmt::format("the home {}", paths.home.string()), folder.st_uid);
  }
  // In a folder that many use, what is in it tells whose home it is.
  for (const auto& file : {paths.lock, paths.identity, paths.database}) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0) {
      if (info.st_uid != me) return foreign_home(file, info.st_uid);
    } else if (errno == EACCES) {
      return folder.st_uid == me
                 ? closed_home(paths.home)
                 : foreign_home(fmt::format("the home {} may not be read: it", paths.home.string()),
                                folder.st_uid);
    }
  }
  return {};
}

Outcome<void> make_home(const HomePaths& paths) {
  if (auto named = check_home_named(paths.home); !named) return named;
  if (auto own = check_home_owner(paths); !own) return own;
  std::error_code error;
  fs::create_directories(paths.home.parent_path(), error);
  int problem = ::mkdir(paths.home.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
  if (!problem && !fs::is_directory(paths.home, error)) problem = ENOTDIR;
  if (!problem && ::access(paths.home.c_str(), R_OK | W_OK | X_OK) != 0) problem = errno;
  if (problem) return unwritable_home(paths, problem);
  return check_home_content(paths);
}

std::string to_string(const LockHolder& holder) {
  if (holder.pid == 0) return "another process";
  if (holder.command.empty()) return fmt::format("pid {}", holder.pid);
  return fmt::format("pid {} ({})", holder.pid, holder.command);
}

tl::unexpected<Error> home_in_use(const HomePaths& paths, const LockHolder& holder) {
  return fail_with(
      ExitCode::busy,
      fmt::format("the home {} is in use by {}", paths.home.string(), to_string(holder)),
      holder.role == HomeRole::in_process
          ? "wait for that command to end, or choose another --home"
          : "use that node, stop it with: cipnode stop, or choose another --home");
}

Outcome<HomeLock> HomeLock::acquire(const HomePaths& paths, const std::string& command,
                                    HomeRole role) {
  FileDescriptor fd(::open(paths.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) return unwritable_home(paths, errno);
  auto lock = home_lock(F_WRLCK);
  if (::fcntl(*fd, F_OFD_SETLK, &lock) != 0) {
    return home_in_use(paths, read_holder(*fd));
  }
  HomeLock out(fd.release(), {::getpid(), command, role, HomeState::starting});
  out.set_state(HomeState::starting);
  return out;
}

HomeLock& HomeLock::operator=(HomeLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(holder_, other.holder_);
  return *this;
}

HomeLock::~HomeLock() {
  if (fd_ < 0) return;
  // The text goes first: whoever finds the file later must not read of a process that is gone.
  static_cast<void>(::ftruncate(fd_, 0));
  ::close(fd_);
}

void HomeLock::set_state(HomeState state) {
  auto old = card_lock(F_UNLCK, holder_);
  holder_.state = state;
  auto card = card_lock(F_WRLCK, holder_);
  ::fcntl(fd_, F_OFD_SETLK, &card);
  if (old.l_start != card.l_start) ::fcntl(fd_, F_OFD_SETLK, &old);
  const auto text = lock_text(holder_);
  if (::ftruncate(fd_, 0) == 0 && ::lseek(fd_, 0, SEEK_SET) == 0) write_all(fd_, bytes_of(text));
}

bool HomeLock::is_removed() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 && info.st_nlink == 0;
}

std::optional<LockHolder> lock_holder(const HomePaths& paths) {
  FileDescriptor fd(::open(paths.lock.c_str(), O_RDWR | O_CLOEXEC));
  auto lock = home_lock(F_WRLCK);
  if (!fd.is_open() || ::fcntl(*fd, F_OFD_GETLK, &lock) != 0) return std::nullopt;
  if (lock.l_type == F_UNLCK) return std::nullopt;
  return read_holder(*fd);
}

// Numbers are of one machine, or one container: what is in the home may be of another.
bool end_holder(const HomePaths& paths, const LockHolder& holder) {
  struct stat lock {};
  if (holder.pid <= 0 || ::stat(paths.lock.c_str(), &lock) != 0) return false;
  std::error_code error;
  const auto folder = fmt::format("/proc/{}/fd", holder.pid);
  for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    struct stat open {};
    if (::stat(at->path().c_str(), &open) != 0) continue;
    if (open.st_dev == lock.st_dev && open.st_ino == lock.st_ino) {
      return ::kill(holder.pid, SIGTERM) == 0;
    }
  }
  return false;
}

Outcome<std::optional<HomeTurn>> HomeTurn::try_take(const HomePaths& paths) {
  FileDescriptor fd(::open(paths.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) return unwritable_home(paths, errno);
  auto lock = turn_lock(F_WRLCK);
  if (::fcntl(*fd, F_OFD_SETLK, &lock) != 0) return std::optional<HomeTurn>();
  return std::optional(HomeTurn(fd.release()));
}

HomeTurn::~HomeTurn() {
  if (fd_ >= 0) ::close(fd_);
}

bool is_turn_taken(const HomePaths& paths) {
  FileDescriptor fd(::open(paths.lock.c_str(), O_RDWR | O_CLOEXEC));
  auto lock = turn_lock(F_WRLCK);
  return fd.is_open() && ::fcntl(*fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

Identity make_identity(const Bytes32& primary_key) {
  const auto name_space = child_namespace(Bytes32{}, "cip/identity");
  return {primary_key, derive_key_pair(primary_key, name_space, "peer")};
}

bool write_identity(const HomePaths& paths, const Bytes32& primary_key) {
  auto temporary = paths.identity;
  temporary += fmt::format(".{}", ::getpid());
  FileDescriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.is_open()) return false;
  const bool written = write_all(*fd, primary_key) && ::fsync(*fd) == 0;
  const bool placed =
      written && (::link(temporary.c_str(), paths.identity.c_str()) == 0 || errno == EEXIST);
  const auto problem = errno;
  ::unlink(temporary.c_str());
  errno = problem;
  return placed;
}

Outcome<Identity> open_identity(const HomePaths& paths, Random& random) {
  if (!fs::exists(paths.identity) && fs::exists(paths.restoring)) {
    return fail_with(
        ExitCode::corrupt,
        fmt::format("a backup was being restored into the home {}, and that was cut off",
                    paths.home.string()),
        "run cipnode restore once more; it begins anew");
  }
  if (!fs::exists(paths.identity) && has_database(paths)) {
    return fail_with(
        ExitCode::corrupt,
        fmt::format("the home {} has a database but lost its identity: the file {} is "
                    "missing",
                    paths.home.string(), paths.identity.string()),
        "restore that file from a backup (cipnode id import FILE); a new identity would "
        "make new feeds beside the old ones");
  }
  if (!fs::exists(paths.identity) && !write_identity(paths, random.bytes<32>())) {
    return unwritable_home(paths, errno);
  }
  FileDescriptor fd(::open(paths.identity.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    const auto code = exit_code_of_problem(errno);
    return fail_with(
        code, fmt::format("cannot read {}: {}", paths.identity.string(), last_error()),
        code == ExitCode::refused ? fmt::format("run: chmod 600 {}", paths.identity.string()) : "");
  }
  return read_identity(paths, *fd);
}

}  // namespace cip::node
