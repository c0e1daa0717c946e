#include "store/rocksdb/salvage.hpp"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "store/rocksdb/database.hpp"
#include "store/rocksdb/format_check.hpp"
#include "store/rocksdb/inventory.hpp"
#include "store/rocksdb/log_in_place.hpp"
#include "store/rocksdb/manifest_tables.hpp"
#include "store/rocksdb/status.hpp"
#include "store/table_keys.hpp"

namespace cip::store {

namespace fs = std::filesystem;

namespace {

Result<Bytes> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io_failed);
  return Bytes{std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> files_of(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == extension) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());  // numbers of equal width: the order in which they were made
  return out;
}

// Tables and blobs are never changed once they are written, so that a second name of the same file
// is as good as a copy, where the file system lets us have one.
Result<void> take_over(const std::vector<fs::path>& files, const fs::path& scratch) {
  for (const auto& file : files) {
    std::error_code error;
    fs::create_hard_link(file, scratch / file.filename(), error);
    if (error) fs::copy_file(file, scratch / file.filename(), error);
    // One that cannot be read is missing, as if it were gone.
    if (error == std::errc::no_space_on_device) return fail(Errc::full);
  }
  return {};
}

std::uint64_t number_of(const fs::path& file) {
  const auto name = file.stem().string();
  std::uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

void put_varint(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

// Families are numbered in the order in which a new database makes them, from 1 on; repair keeps
// the numbers, which tables know.
std::uint32_t old_number(Family family) { return static_cast<std::uint32_t>(family) + 1; }

// An edit of the manifest (RocksDB: db/version_edit.cc, db/blob/blob_file_addition.cc) that adds
// files of blobs to the family of blocks. How large they are and how many blobs are in them only
// matters to the collector of garbage, which does not run here.
Bytes blob_files_edit(const std::set<std::uint64_t>& files) {
  constexpr std::uint64_t kColumnFamily = 200;
  constexpr std::uint64_t kBlobFileAddition = 400;
  Bytes out;
  for (const auto& file : files) {
    put_varint(out, kBlobFileAddition);
    put_varint(out, file);
    put_varint(out, 1);  // blobs
    put_varint(out, 1);  // bytes
    put_varint(out, 0);  // method of the checksum of the file: none
    put_varint(out, 0);  // its value
    put_varint(out, 0);  // no further fields
  }
  put_varint(out, kColumnFamily);
  put_varint(out, old_number(Family::blocks));
  return out;
}

// Whether an edit of the manifest makes the family of blocks.
bool makes_blocks(ByteView edit) {
  const std::string_view mark =
      "\xc9\x01\x06"
      "blocks";  // kColumnFamilyAdd, and a name
  return text_of(edit).find(mark) != std::string_view::npos;
}

// Files of blobs go in front of the tables that refer to them, or the manifest contradicts itself.
// One that is lost is named too: RocksDB takes those after a table's oldest for garbage otherwise.
Result<void> add_blob_files(const fs::path& scratch) {
  std::set<std::uint64_t> blobs;
  for (const auto& file : files_of(scratch, ".blob")) blobs.insert(number_of(file));
  const auto current = read_file(scratch / "CURRENT");
  if (!current) return fail(current.error());
  auto name = std::string(text_of(*current));
  if (!name.empty() && name.back() == '\n') name.pop_back();
  const auto old = read_file(scratch / name);
  if (!old) return fail(old.error());
  for (const auto& [table, oldest] : tables_in_manifest(*old)) {
    if (oldest != 0) blobs.insert(oldest);
  }
  Bytes manifest;
  const auto add = [&](ByteView edit) {
    const auto record = log_record(manifest.size(), edit);
    manifest.insert(manifest.end(), record.begin(), record.end());
  };
  for (const auto& edit : log_records(*old)) {
    add(edit);
    if (makes_blocks(edit)) add(blob_files_edit(blobs));
  }
  std::ofstream file(scratch / name, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(manifest.data()),
             static_cast<std::streamsize>(manifest.size()));
  file.close();
  if (!file) return fail(Errc::full);
  return {};
}

// Puts what a batch of the old database did into one of the new, whose families have other numbers.
class Replay final : public rocksdb::WriteBatch::Handler {
 public:
  Replay(Database& database, rocksdb::WriteBatch& out) : database_(database), out_(out) {}

  rocksdb::Status PutCF(std::uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    if (auto* handle = handle_of(family)) return out_.Put(handle, key, value);
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t family, const rocksdb::Slice& key) override {
    if (auto* handle = handle_of(family)) return out_.Delete(handle, key);
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteRangeCF(std::uint32_t family, const rocksdb::Slice& begin,
                                const rocksdb::Slice& end) override {
    if (auto* handle = handle_of(family)) return out_.DeleteRange(handle, begin, end);
    return rocksdb::Status::OK();
  }
  void LogData(const rocksdb::Slice&) override {}

 private:
  rocksdb::ColumnFamilyHandle* handle_of(std::uint32_t number) {
    for (std::size_t i = 0; i < kFamilies; ++i) {
      const auto family = static_cast<Family>(i);
      if (old_number(family) == number) return database_.family(family);
    }
    return nullptr;
  }

  Database& database_;
  rocksdb::WriteBatch& out_;
};

Result<void> replay(Database& database, const fs::path& log) {
  const auto bytes = read_file(log);
  if (!bytes) return {};  // as good as missing
  for (const auto& record : log_records(*bytes)) {
    rocksdb::WriteBatch old(std::string(text_of(record)));
    rocksdb::WriteBatch batch;
    Replay into(database, batch);
    if (!old.Iterate(&into).ok()) continue;
    const auto status = database.db().Write({}, &batch);
    if (!status.ok()) return fail(error_of(status));
  }
  return {};
}

bool has_later_format(Database& database, const RocksOptions& options) {
  const std::vector<rocksdb::ColumnFamilyHandle*> families{
      database.family(Family::meta), database.family(Family::feeds),
      database.family(Family::topics), database.family(Family::records)};
  return !find_later_format(database.db(), families, options).empty();
}

// A database is known by its format and its instance; a lost instance is no loss to a copy.
Result<void> complete(Database& database, Random& random) {
  auto* meta = database.family(Family::meta);
  const auto has = [&](const Bytes& key) {
    std::string value;
    return database.db().Get({}, meta, slice_of(key), &value).ok();
  };
  const auto put = [&](const Bytes& key, ByteView value) {
    return has(key) || database.db().Put({}, meta, slice_of(key), slice_of(value)).ok();
  };
  const Bytes format{kStoreFormat, 0, 0, 0};
  const Bytes next{1, 0, 0, 0};
  const bool done = put(keys::format(), format) && put(keys::instance(), random.bytes<16>()) &&
                    put(keys::next_feed(), next);
  if (!done) return fail(Errc::io_failed);
  return {};
}

}  // namespace

std::set<std::string> lost_files(const std::string& folder) {
  auto lost = missing_tables(folder);
  if (const auto inventory = Inventory::open(folder)) lost.merge((*inventory)->lost_logs());
  return lost;
}

Result<std::unique_ptr<Backend>> open_salvaged(const std::string& folder,
                                               const std::string& scratch, Random& random,
                                               std::vector<OwnersFormat> formats) {
  const auto tables = files_of(folder, ".sst");
  const auto logs = files_of(folder, ".log");
  if (tables.empty() && logs.empty()) return fail(Errc::not_found);
  const auto inventory = Inventory::open(folder);
  if (!inventory && inventory.error() == Errc::unknown_format) return fail(inventory.error());
  std::error_code error;
  if (!fs::create_directory(scratch, error)) return fail(error_of_errno(error.value()));
  if (auto taken = take_over(tables, scratch); !taken) return fail(taken.error());
  if (!tables.empty()) {
    const auto taken = take_over(files_of(folder, ".blob"), scratch);
    if (!taken) return fail(taken.error());
  }
  RocksOptions options;
  options.folder = scratch;
  options.salvaged = true;
  options.owners_formats = std::move(formats);
  if (!tables.empty()) {
    const auto has_blocks = Database::repair(options);
    if (!has_blocks) return fail(has_blocks.error());
    if (*has_blocks) {
      if (auto added = add_blob_files(scratch); !added) return fail(added.error());
    }
  }
  {
    std::string problem;
    auto database = Database::open(options, OpenMode::no_tidying, problem);
    if (!database) return fail(database.error());
    for (const auto& log : logs) {
      if (auto replayed = replay(**database, log); !replayed) return fail(replayed.error());
    }
    if (has_later_format(**database, options)) return fail(Errc::unknown_format);
    if (auto completed = complete(**database, random); !completed) return fail(completed.error());
  }
  return open_rocks_backend(options, random);
}

}  // namespace cip::store
