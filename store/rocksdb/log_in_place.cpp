#include "store/rocksdb/log_in_place.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "store/errors.hpp"
#include "store/rocksdb/crc32c.hpp"
#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

constexpr std::size_t kLogBlock = 32 << 10;
constexpr std::size_t kHeader = 7;
// Types of records: those in between are the first and the middle parts of a longer one.
constexpr std::uint8_t kWhole = 1;
constexpr std::uint8_t kFirstPart = 2;
constexpr std::uint8_t kMiddlePart = 3;
constexpr std::uint8_t kLastPart = 4;
// Writes are torn between pages of memory or sectors of a disk, of which these are the smallest.
constexpr std::size_t kSector = 512;

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

// How much data the record at `at` says that it has; its header is there.
std::size_t data_size(ByteView log, std::size_t at) {
  return static_cast<std::size_t>(little_endian(log.subspan(at + 4, 2)));
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
    // More than 32 bits can address is refused by mmap.
    const auto size = static_cast<std::uint64_t>(about.st_size);
    size_ = static_cast<std::size_t>(std::min<std::uint64_t>(size, SIZE_MAX));
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
  if (fd < 0) return fail(error_of_errno(errno));
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

}  // namespace

Result<void> mend_log_tails(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".log") continue;
    if (auto mended = mend(entry.path().string()); !mended) return mended;
  }
  return {};
}

std::uint64_t written_log_length(ByteView log) {
  const auto last = std::find_if(log.rbegin(), log.rend(), [](auto byte) { return byte != 0; });
  // From here on there are zeros only.
  const auto zeros = static_cast<std::size_t>(log.rend() - last);
  std::size_t at = 0;
  while (at < zeros) {
    const auto left_in_block = kLogBlock - at % kLogBlock;
    if (left_in_block < kHeader) {
      at += left_in_block;
      continue;
    }
    if (at + kHeader > log.size()) return log.size();
    const auto size = data_size(log, at);
    const auto end = at + kHeader + size;
    if (size > left_in_block - kHeader || end > log.size()) return log.size();
    const auto torn_at = (zeros + kSector - 1) / kSector * kSector;
    if (torn_at < end && !is_sound(log.subspan(at, end - at))) return zeros;
    at = end;
  }
  return std::min(at, log.size());
}

std::optional<std::uint64_t> whole_log_length(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const Mapped file(fd);
  ::close(fd);
  if (!file.is_there()) return std::nullopt;
  const auto written =
      file.bytes().first(static_cast<std::size_t>(written_log_length(file.bytes())));
  return end_of_log(written, LogCut::unfinished).value_or(written.size());
}

std::optional<std::uint64_t> end_of_log(const std::string& path, std::uint64_t size, LogCut cut) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  const Mapped file(fd);
  ::close(fd);
  if (!file.is_there() || file.bytes().size() < size) return std::nullopt;
  return end_of_log(file.bytes().first(static_cast<std::size_t>(size)), cut);
}

std::optional<std::uint64_t> end_of_log(ByteView log, LogCut cut) {
  std::size_t last = 0;
  std::size_t before_last = 0;
  for (std::size_t at = 0; at + kHeader <= log.size();) {
    const auto left_in_block = kLogBlock - at % kLogBlock;
    if (left_in_block < kHeader) {
      at += left_in_block;
      continue;
    }
    const auto type = log[at + 6];
    at += kHeader + data_size(log, at);
    if (at > log.size()) break;
    if (type == 0 || type > kLastPart) return std::nullopt;
    if (type != kWhole && type != kLastPart) continue;
    before_last = last;
    last = at;
  }
  return cut == LogCut::unfinished ? last : before_last;
}

bool holds_synced(ByteView log, std::uint64_t length) {
  if (log.size() < length) return false;
  for (std::size_t at = 0; at + kHeader <= length;) {
    const auto left_in_block = kLogBlock - at % kLogBlock;
    if (left_in_block < kHeader) {
      at += left_in_block;
      continue;
    }
    const auto size = kHeader + data_size(log, at);
    if (log[at + 6] == 0 || size > left_in_block || at + size > log.size()) return false;
    if (!is_sound(log.subspan(at, size))) return false;
    at += size;
  }
  return true;
}

bool holds_synced(const std::string& path, std::uint64_t length) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const Mapped log(fd);
  ::close(fd);
  return holds_synced(log.bytes(), length);
}

std::vector<Bytes> log_records(ByteView log) {
  std::vector<Bytes> out;
  each_log_record(log, [&](Bytes record) { out.push_back(std::move(record)); });
  return out;
}

void each_log_record(const std::string& path, const std::function<void(Bytes)>& take) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const Mapped log(fd);
  ::close(fd);
  each_log_record(log.bytes(), take);
}

void each_log_record(ByteView log, const std::function<void(Bytes)>& take) {
  std::optional<Bytes> begun;
  for (std::size_t at = 0; at + kHeader <= log.size();) {
    const auto left_in_block = kLogBlock - at % kLogBlock;
    const auto size = kHeader + data_size(log, at);
    const auto type = log[at + 6];
    const bool is_whole = left_in_block >= size && at + size <= log.size();
    if (left_in_block < kHeader || type == 0 || !is_whole || !is_sound(log.subspan(at, size))) {
      at += left_in_block;  // the next block is read for itself
      continue;
    }
    const auto part = log.subspan(at + kHeader, size - kHeader);
    at += size;
    if (type == kWhole || type == kFirstPart) begun.emplace();
    if (!begun) continue;  // its beginning was damaged
    begun->insert(begun->end(), part.begin(), part.end());
    if (type == kWhole || type == kLastPart) take(*std::exchange(begun, std::nullopt));
  }
}

Bytes log_record(std::uint64_t at, ByteView content) {
  Bytes out;
  auto type = kFirstPart;
  do {
    auto left = kLogBlock - static_cast<std::size_t>((at + out.size()) % kLogBlock);
    if (left < kHeader) {
      out.resize(out.size() + left, 0);
      left = kLogBlock;
    }
    const auto size = std::min(left - kHeader, content.size());
    const bool is_last = size == content.size();
    if (is_last) type = type == kFirstPart ? kWhole : kLastPart;
    Bytes part{type};
    part.insert(part.end(), content.begin(), content.begin() + static_cast<std::ptrdiff_t>(size));
    const auto checksum = crc32c(part);
    const auto masked = (checksum >> 15 | checksum << 17) + 0xa282ead8U;
    for (int shift = 0; shift < 32; shift += 8)
      out.push_back(static_cast<std::uint8_t>(masked >> shift));
    out.push_back(static_cast<std::uint8_t>(size));
    out.push_back(static_cast<std::uint8_t>(size >> 8));
    out.insert(out.end(), part.begin(), part.end());
    content = content.subspan(size);
    type = kMiddlePart;
  } while (!content.empty());
  return out;
}

}  // namespace cip::store
