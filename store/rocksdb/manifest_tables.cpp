#include "store/rocksdb/manifest_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "store/rocksdb/log_in_place.hpp"

namespace cip::store {

namespace fs = std::filesystem;

namespace {

// Tags of an edit (RocksDB: db/version_edit.h), by what follows them.
enum Tag : std::uint32_t {
  kComparator = 1,
  kLogNumber = 2,
  kLastSequence = 4,
  kCompactCursor = 5,
  kDeletedFile = 6,
  kPrevLogNumber = 9,
  kMinLogNumberToKeep = 10,
  kNewFile4 = 103,
  kColumnFamily = 200,
  kColumnFamilyAdd = 201,
  kColumnFamilyDrop = 202,
  kMaxColumnFamily = 203,
  kInAtomicGroup = 300,
};
// What has this bit may be passed over: a length and so many bytes.
constexpr std::uint32_t kSafeToIgnore = 1 << 13;
// Fields of a new file, each a tag and so many bytes.
constexpr std::uint32_t kTerminate = 1;
constexpr std::uint32_t kOldestBlobFile = 4;

using Tables = std::map<std::uint64_t, std::uint64_t>;

class EditReader {
 public:
  explicit EditReader(ByteView edit) : left_(edit) {}

  bool at_end() const { return left_.empty() || failed_; }
  bool failed() const { return failed_; }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = left_.front();
      left_ = left_.subspan(1);
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }
  ByteView bytes() {
    const auto size = varint();
    if (failed_ || size > left_.size()) {
      failed_ = true;
      return {};
    }
    const auto out = left_.first(static_cast<std::size_t>(size));
    left_ = left_.subspan(out.size());
    return out;
  }

 private:
  ByteView left_;
  bool failed_ = false;
};

// level, number, size, smallest and largest key, smallest and largest sequence number, then fields.
void read_new_file(EditReader& in, Tables& tables) {
  in.varint();
  const auto number = in.varint();
  in.varint();
  in.bytes();
  in.bytes();
  in.varint();
  in.varint();
  std::uint64_t oldest_blobs = 0;
  while (!in.at_end()) {
    const auto field = in.varint();
    if (field == kTerminate) break;
    EditReader value(in.bytes());
    if (field == kOldestBlobFile) oldest_blobs = value.varint();
  }
  if (!in.failed()) tables[number] = oldest_blobs;
}

// False: a tag that is not known, behind which nothing can be read.
bool take(EditReader& in, std::uint64_t tag, Tables& tables) {
  switch (tag) {
    case kNewFile4:
      read_new_file(in, tables);
      return true;
    case kDeletedFile:
      in.varint();
      tables.erase(in.varint());
      return true;
    case kComparator:
    case kColumnFamilyAdd:
      in.bytes();
      return true;
    case kCompactCursor:
      in.varint();
      in.bytes();
      return true;
    case kLogNumber:
    case kLogNumber + 1:  // the next number of a file
    case kLastSequence:
    case kPrevLogNumber:
    case kMinLogNumberToKeep:
    case kColumnFamily:
    case kMaxColumnFamily:
    case kInAtomicGroup:
      in.varint();
      return true;
    case kColumnFamilyDrop:
      return true;
    default:
      if ((tag & kSafeToIgnore) == 0) return false;
      in.bytes();
      return true;
  }
}

std::optional<fs::path> newest_manifest(const std::string& folder) {
  std::optional<fs::path> newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with("MANIFEST-")) continue;
    if (!newest || newest->filename() < entry.path().filename()) newest = entry.path();
  }
  return newest;
}

}  // namespace

Tables tables_in_manifest(ByteView manifest) {
  Tables tables;
  for (const auto& edit : log_records(manifest)) {
    EditReader in(edit);
    while (!in.at_end() && take(in, in.varint(), tables)) {
    }
  }
  return tables;
}

std::set<std::string> missing_tables(const std::string& folder) {
  const auto path = newest_manifest(folder);
  if (!path) return {};
  std::ifstream file(*path, std::ios::binary);
  const Bytes manifest{std::istreambuf_iterator<char>(file), {}};
  std::set<std::string> missing;
  for (const auto& [number, blobs] : tables_in_manifest(manifest)) {
    const auto name = fmt::format("{:06}.sst", number);
    if (std::error_code error; !fs::exists(fs::path(folder) / name, error)) missing.insert(name);
  }
  return missing;
}

}  // namespace cip::store
