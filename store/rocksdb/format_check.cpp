#include "store/rocksdb/format_check.hpp"

#include <rocksdb/write_batch.h>

#include <array>
#include <filesystem>
#include <memory>

#include "store/rocksdb/log_in_place.hpp"
#include "store/rocksdb/status.hpp"

namespace cip::store {

namespace {

// Blocks and nodes of the tree have no numbers: their shape goes with the layout.
constexpr std::array kNumbered{Table::meta, Table::feeds, Table::topics, Table::records};

class FormatCheck {
 public:
  explicit FormatCheck(const RocksOptions& options) : options_(options) {}

  bool is_known() const { return later_.empty(); }
  const std::string& later() const { return later_; }
  void look(Table table, const rocksdb::Slice& key, const rocksdb::Slice& value) {
    if (is_known())
      later_ = later_format(table, view_of(key), view_of(value), options_.owners_formats);
  }

 private:
  const RocksOptions& options_;
  std::string later_;
};

// What a log puts into the tables.
class LoggedEntries final : public rocksdb::WriteBatch::Handler {
 public:
  LoggedEntries(const std::vector<rocksdb::ColumnFamilyHandle*>& families, FormatCheck& check)
      : families_(families), check_(check) {}

  rocksdb::Status PutCF(std::uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    for (const auto table : kNumbered) {
      if (families_[static_cast<std::size_t>(table)]->GetID() == family)
        check_.look(table, key, value);
    }
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteRangeCF(std::uint32_t, const rocksdb::Slice&,
                                const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }
  void LogData(const rocksdb::Slice&) override {}

 private:
  const std::vector<rocksdb::ColumnFamilyHandle*>& families_;
  FormatCheck& check_;
};

}  // namespace

std::string find_later_format(rocksdb::DB& tables,
                              const std::vector<rocksdb::ColumnFamilyHandle*>& families,
                              const RocksOptions& options) {
  FormatCheck check(options);
  rocksdb::ReadOptions once;
  once.fill_cache = false;
  for (const auto table : kNumbered) {
    const std::unique_ptr<rocksdb::Iterator> at(
        tables.NewIterator(once, families[static_cast<std::size_t>(table)]));
    for (at->SeekToFirst(); at->Valid() && check.is_known(); at->Next())
      check.look(table, at->key(), at->value());
    at->status().PermitUncheckedError();
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.folder, error)) {
    if (entry.path().extension() != ".log") continue;
    each_log_record(entry.path().string(), [&](const Bytes& record) {
      rocksdb::WriteBatch batch(std::string(text_of(record)));
      LoggedEntries entries(families, check);
      batch.Iterate(&entries).PermitUncheckedError();
    });
  }
  return check.later();
}

}  // namespace cip::store
