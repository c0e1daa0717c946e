#include "store/rocksdb/inventory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.hpp"
#include "store/rocksdb/log_in_place.hpp"
#include "store/rocksdb/status.hpp"
#include "store/saved_formats.hpp"

namespace cip::store {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kFirstFile = 2;  // line
// Room for as many as there ever are at one time; more make the file longer.
constexpr std::size_t kLines = 64;
constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::size_t kLengthDigits = 20;
const std::string kProgram = "cipnode database ";
constexpr std::uint64_t kFormat = 1;
const std::string kTitle = kProgram + std::to_string(kFormat);

std::string padded(std::string text) {
  text.resize(kLine - 1, ' ');
  return text + '\n';
}

std::string instance_line(const std::optional<DatabaseInstance>& instance) {
  return "instance " + (instance ? to_hex(*instance) : std::string(32, '-'));
}

std::string file_line(const std::string& name, std::uint64_t length) {
  return fmt::format("file {:020} {}", length, name);
}

std::string trimmed(std::string_view line) {
  return std::string(line.substr(0, line.find_last_not_of(" \n") + 1));
}

// The directory entry itself, e.g. after a rename.
bool sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool synced = ::fsync(fd) == 0;
  ::close(fd);
  return synced;
}

bool write_all(int fd, std::string_view text, std::size_t at) {
  while (!text.empty()) {
    const auto n = ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
    at += static_cast<std::size_t>(n);
  }
  return true;
}

Result<std::string> read_all(int fd) {
  std::string text(kMaxBytes, '\0');
  const auto n = ::pread(fd, text.data(), text.size(), 0);
  if (n < 0) return fail(error_of_errno(errno));
  text.resize(static_cast<std::size_t>(n));
  return text;
}

}  // namespace

Result<std::shared_ptr<Inventory>> Inventory::open(const std::string& folder) {
  std::string unasked;
  return open(folder, unasked);
}

Result<std::shared_ptr<Inventory>> Inventory::open(const std::string& folder,
                                                   std::string& problem) {
  problem = fmt::format("the file {} is unreadable", path_of(folder).filename().string());
  std::shared_ptr<Inventory> out(new Inventory(folder));
  const int fd = ::open(path_of(folder).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return out;
  if (fd < 0 && errno == EISDIR) return fail(Errc::corrupt);  // whatever it was, no disk failed
  if (fd < 0) return fail(error_of_errno(errno));
  out->fd_ = fd;
  const auto text = read_all(fd);
  if (!text) return fail(text.error());
  if (auto understood = out->read(*text, problem); !understood) return fail(understood.error());
  return out;
}

Inventory::~Inventory() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Inventory::read(const std::string& text, std::string& problem) {
  if (text.size() < kFirstFile * kLine || text.size() % kLine != 0) return fail(Errc::corrupt);
  const auto line = [&](std::size_t n) {
    return trimmed(std::string_view(text).substr(n * kLine, kLine));
  };
  if (line(0) != kTitle) {
    const auto title = line(0);
    std::uint64_t found = 0;
    if (!title.starts_with(kProgram)) return fail(Errc::corrupt);
    std::from_chars(title.data() + kProgram.size(), title.data() + title.size(), found);
    if (found <= kFormat) return fail(Errc::corrupt);
    problem = later_format("the file " + path_of(folder_).filename().string(), found, kFormat);
    return fail(Errc::unknown_format);
  }
  if (line(1) != instance_line({})) {
    const auto instance = from_hex(std::string_view(line(1)).substr(sizeof("instance ") - 1));
    if (!instance || instance->size() != 16) return fail(Errc::corrupt);
    instance_ = first_bytes<16>(*instance);
  }
  for (std::size_t n = kFirstFile; n < text.size() / kLine; ++n) {
    const auto entry = line(n);
    if (entry.empty()) continue;
    constexpr auto kNumberAt = sizeof("file ") - 1;
    constexpr auto kNameAt = kNumberAt + kLengthDigits + 1;
    if (!entry.starts_with("file ") || entry.size() <= kNameAt) return fail(Errc::corrupt);
    Listed listed{n, 0};
    const auto* from = entry.data() + kNumberAt;
    const auto parsed = std::from_chars(from, from + kLengthDigits, listed.length);
    if (parsed.ptr != from + kLengthDigits) return fail(Errc::corrupt);
    files_[entry.substr(kNameAt)] = listed;
  }
  return {};
}

// RocksDB makes CURRENT before any of it.
bool Inventory::has_data() const {
  std::error_code error;
  return std::any_of(fs::directory_iterator(folder_, error), fs::directory_iterator(),
                     [](const fs::directory_entry& entry) {
                       const auto kind = entry.path().extension();
                       std::error_code gone;
                       return kind == ".sst" || kind == ".blob" ||
                              (kind == ".log" && entry.file_size(gone) > 0 && !gone);
                     });
}

std::string Inventory::missing() const {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  if (!fs::is_directory(folder_, error))
    return is_made() ? "the folder itself is missing" : std::string();
  if (!fs::exists(folder_ + "/CURRENT", error) && (is_made() || has_data()))
    return "the file CURRENT is missing";
  for (const auto& [name, listed] : files_) {
    const auto size = fs::file_size(folder_ + "/" + name, error);
    if (error) return fmt::format("the file {} is missing", name);
    if (size < listed.length)
      return fmt::format("the file {} was cut: it has {} bytes, of {} that were written", name,
                         size, listed.length);
  }
  return {};
}

std::set<std::string> Inventory::lost_logs() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> lost;
  for (const auto& [name, listed] : files_) {
    if (name.ends_with(".log") && !holds_synced(folder_ + "/" + name, listed.length))
      lost.insert(name);
  }
  return lost;
}

// Complete or not at all.
Result<void> Inventory::make() {
  const auto path = path_of(folder_);
  auto temporary = path;
  temporary += ".new";
  const int fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(error_of_errno(errno));
  auto text = padded(kTitle) + padded(instance_line(instance_));
  while (text.size() < kLines * kLine) text += padded({});
  if (!write_all(fd, text, 0) || ::fsync(fd) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    const auto reason = error_of_errno(errno);
    ::close(fd);
    ::unlink(temporary.c_str());
    return fail(reason);
  }
  fd_ = fd;
  if (!sync_folder(path.parent_path())) return fail(error_of_errno(errno));
  return {};
}

Result<void> Inventory::write_line(std::size_t line, const std::string& text, bool sync) {
  if (fd_ < 0) {
    if (auto made = make(); !made) return made;
  }
  if (!write_all(fd_, padded(text), line * kLine)) return fail(error_of_errno(errno));
  if (sync && ::fdatasync(fd_) != 0) return fail(error_of_errno(errno));
  return {};
}

std::size_t Inventory::free_line() const {
  std::set<std::size_t> taken;
  for (const auto& entry : files_) taken.insert(entry.second.line);
  auto line = kFirstFile;
  while (taken.contains(line)) ++line;
  return line;
}

Result<void> Inventory::set_instance(const DatabaseInstance& instance) {
  const std::lock_guard lock(mutex_);
  if (auto written = write_line(1, instance_line(instance), true); !written) return written;
  instance_ = instance;
  return {};
}

Result<void> Inventory::add(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (!sync_folder(folder_)) return fail(error_of_errno(errno));
  const auto found = files_.find(name);
  const auto line = found != files_.end() ? found->second.line : free_line();
  if (auto written = write_line(line, file_line(name, 0), true); !written) return written;
  files_[name] = {line, 0};
  return {};
}

Result<void> Inventory::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(name);
  if (found == files_.end()) return {};
  if (auto written = write_line(found->second.line, {}, true); !written) return written;
  files_.erase(found);
  return {};
}

void Inventory::note_length(const std::string& name, std::uint64_t length) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(name);
  if (found == files_.end() || found->second.length >= length) return;
  found->second.length = length;
  // What is not written is too small, and says less than it could.
  static_cast<void>(write_line(found->second.line, file_line(name, length), false));
}

}  // namespace cip::store
