#include "node/record_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/archive.hpp"
#include "node/log.hpp"

namespace cip::node {

namespace {

// Key, date and the database's own bytes around a record.
constexpr std::uint64_t kRecordOverhead = 128;

std::string table_of(dht::RecordTable table, const std::string& network) {
  return fmt::format("{}/{}", dht::name_of(table), network);
}
std::string own_table(const std::string& network) {
  return fmt::format("{}{}", kOwnValuesBegin, network);
}

struct SavedOwn {
  Bytes immutable;
  std::optional<Bytes> signed_put;  // as in a mutable_put request

  template <typename Archive>
  void serialize(Archive& archive) {
    archive(immutable, signed_put);
  }
};

Bytes save(const dht::OwnValue& value) {
  SavedOwn saved{value.immutable, std::nullopt};
  if (value.signed_put) saved.signed_put = dht::encode_mutable_put(*value.signed_put);
  return save_record(kOwnValueVersion, saved);
}

std::optional<dht::OwnValue> load_own_value(ByteView bytes) {
  auto saved = load_record<SavedOwn>(bytes, kOwnValueVersion);
  if (!saved) return std::nullopt;
  dht::OwnValue out{std::move(saved->immutable), {}};
  if (saved->signed_put) {
    out.signed_put = dht::decode_mutable_put(*saved->signed_put);
    if (!out.signed_put) return std::nullopt;
  }
  return out;
}

}  // namespace

std::vector<dht::RecordChange> RecordKeeper::load(store::Backend& backend,
                                                  const std::string& network) {
  std::vector<dht::RecordChange> out;
  for (const auto table : dht::kRecordTables) {
    auto saved = backend.list_records(table_of(table, network));
    if (!saved) continue;
    for (auto& record : *saved) {
      out.push_back({table, record.key, std::move(record.value), record.expires});
    }
  }
  return out;
}

std::vector<RecordKeeper::Own> RecordKeeper::load_own(store::Backend& backend,
                                                      const std::string& network) {
  std::vector<Own> out;
  const auto saved = backend.list_records(own_table(network));
  if (!saved) return out;
  for (const auto& record : *saved) {
    if (auto value = load_own_value(record.value)) {
      out.push_back({std::move(*value), record.expires});
    }
  }
  return out;
}

void RecordKeeper::take(Now now, dht::RecordChange change) {
  if (change.value) {
    const auto size = kRecordOverhead + change.value->size();
    if (bytes_ + size > most_bytes_) {
      ++refused_;
      // What the disk has under this key is not what is served any more.
      change.value.reset();
    } else {
      bytes_ += size;
    }
  }
  add(now, {table_of(change.table, network_), change.key},
      {std::move(change.value), change.expires});
}

void RecordKeeper::keep_own(Now now, const dht::OwnValue& value, UnixMillis until) {
  add(now, {own_table(network_), value.target()}, {save(value), until});
}

void RecordKeeper::forget_own(Now now, const dht::Target& target) {
  add(now, {own_table(network_), target}, {});
}

void RecordKeeper::add(Now now, Place place, Write write) {
  wall_ = now.wall;
  if (!expired_at_ || now.mono - *expired_at_ >= kExpireEvery) {
    expired_at_ = now.mono;
    expire_ = true;
  }
  waiting_.insert_or_assign(std::move(place), std::move(write));
  if (!writing_) write_next(kBatch);
}

void RecordKeeper::flush() { write_next(SIZE_MAX); }

void RecordKeeper::write_next(std::size_t most) {
  if (waiting_.empty()) return;
  store::WriteRecordsOp op;
  while (!waiting_.empty() && op.writes.size() < most) {
    auto first = waiting_.extract(waiting_.begin());
    auto& [table, key] = first.key();
    auto& change = first.mapped();
    op.writes.push_back({std::move(table), key, std::move(change.value), change.expires});
  }
  writing_ = true;
  storage_.ask(store::StorageLane::records, std::move(op), alive_,
               [this](const Result<void>& result) {
                 if (result && std::exchange(expire_, false)) return tidy();
                 written(result);
               });
}

// Takes away what is over, or was dated by a clock far ahead of the present one, and counts what
// the records of others take.
void RecordKeeper::tidy() {
  store::TidyRecordsOp op;
  op.wall = wall_;
  op.latest.value =
      wall_.value + static_cast<std::uint64_t>(kLongestLife / std::chrono::milliseconds(1));
  for (const auto table : dht::kRecordTables) op.tables.push_back(table_of(table, network_));
  op.overhead = kRecordOverhead;
  storage_.ask(store::StorageLane::records, std::move(op), alive_,
               [this](const Result<std::uint64_t>& counted) {
                 if (counted) bytes_ = *counted;
                 written(counted ? Result<void>{} : fail(counted.error()));
               });
}

void RecordKeeper::written(const Result<void>& result) {
  // They are served from memory all the same.
  if (!result) {
    log(Floor::node, LogLevel::warning, "records are not on disk: {}", result.error().message());
  }
  writing_ = false;
  write_next(kBatch);
}

}  // namespace cip::node
