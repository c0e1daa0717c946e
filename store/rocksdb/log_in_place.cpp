#include "store/rocksdb/log_in_place.hpp"

#include <fcntl.h>
#include <rocksdb/file_system.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "store/errors.hpp"
#include "store/rocksdb/crc32c.hpp"
#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

constexpr std::uint64_t kLogBlock = 32 << 10;
constexpr std::uint64_t kHeader = 7;
// Writes are torn between pages of memory or sectors of a disk, of which these are the smallest.
constexpr std::uint64_t kSector = 512;

class LogsInPlace final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "LogsInPlace"; }
  rocksdb::FileOptions OptimizeForLogWrite(const rocksdb::FileOptions& file,
                                           const rocksdb::DBOptions& db) const override {
    auto out = FileSystemWrapper::OptimizeForLogWrite(file, db);
    out.fallocate_with_keep_size = false;
    return out;
  }
};

std::uint64_t little_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

// Checksums are stored rotated and moved, so that a checksum of data with checksums is sound.
std::uint32_t unmasked(std::uint32_t stored) {
  const std::uint32_t moved = stored - 0xa282ead8U;
  return moved >> 17 | moved << 15;
}

bool is_sound(ByteView record) {
  return crc32c(record.subspan(kHeader - 1)) ==
         unmasked(static_cast<std::uint32_t>(little_endian(record.first(4))));
}

// A file as bytes, for as long as this lives.
class Mapped {
 public:
  explicit Mapped(int fd) {
    struct stat about {};
    if (fstat(fd, &about) != 0 || about.st_size == 0) return;
    size_ = static_cast<std::size_t>(about.st_size);
    auto* at = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at != MAP_FAILED) data_ = static_cast<const std::uint8_t*>(at);
  }
  ~Mapped() {
    if (data_ != nullptr) munmap(const_cast<std::uint8_t*>(data_), size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  bool is_there() const { return data_ != nullptr || size_ == 0; }
  ByteView bytes() const { return {data_, data_ != nullptr ? size_ : 0}; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

Result<void> mend(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return fail(Errc::not_writable);
  Result<void> outcome;
  {
    const Mapped log(fd);
    const auto written = written_log_length(log.bytes());
    if (!log.is_there()) outcome = fail(Errc::io_failed);
    if (written < log.bytes().size() && ftruncate(fd, static_cast<off_t>(written)) != 0)
      outcome = fail(Errc::io_failed);
  }
  ::close(fd);
  return outcome;
}

Result<void> mend_logs(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".log") continue;
    if (auto mended = mend(entry.path().string()); !mended) return mended;
  }
  return {};
}

}  // namespace

rocksdb::Env& env_with_logs_in_place() {
  static const auto env =
      rocksdb::NewCompositeEnv(std::make_shared<LogsInPlace>(rocksdb::FileSystem::Default()));
  return *env;
}

// Under RocksDB's own lock: the log of another process is at work.
Result<void> mend_log_tails(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder + "/CURRENT", error)) return {};
  auto& env = env_with_logs_in_place();
  rocksdb::FileLock* lock = nullptr;
  if (const auto locked = env.LockFile(folder + "/LOCK", &lock); !locked.ok())
    return fail(error_of(locked));
  auto outcome = mend_logs(folder);
  env.UnlockFile(lock).PermitUncheckedError();
  return outcome;
}
std::uint64_t written_log_length(ByteView log) {
  const auto last = std::find_if(log.rbegin(), log.rend(), [](auto byte) { return byte != 0; });
  // From here on there are zeros only.
  const auto zeros = static_cast<std::uint64_t>(log.rend() - last);
  std::uint64_t at = 0;
  while (at < zeros) {
    const auto left_in_block = kLogBlock - at % kLogBlock;
    if (left_in_block < kHeader) {
      at += left_in_block;
      continue;
    }
    if (at + kHeader > log.size()) return log.size();
    const auto size = little_endian(log.subspan(at + 4, 2));
    const auto end = at + kHeader + size;
    if (size > left_in_block - kHeader || end > log.size()) return log.size();
    const auto torn_at = (zeros + kSector - 1) / kSector * kSector;
    if (torn_at < end && !is_sound(log.subspan(at, end - at))) return zeros;
    at = end;
  }
  return std::min<std::uint64_t>(at, log.size());
}

}  // namespace cip::store
