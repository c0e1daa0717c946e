#include "store/rocksdb/log_in_place.hpp"

#include <doctest/doctest.h>

#include "base/codec.hpp"
#include "store/rocksdb/crc32c.hpp"

using namespace cip;
using namespace cip::store;

namespace {

// One record as RocksDB writes it: full, of type 1.
Bytes record(const Bytes& data) {
  Bytes checked{1};
  checked.insert(checked.end(), data.begin(), data.end());
  const auto crc = crc32c(checked);
  Writer out;
  out.u32((crc >> 15 | crc << 17) + 0xa282ead8U);
  out.u16(static_cast<std::uint16_t>(data.size()));
  out.raw(checked);
  return out.take();
}

Bytes log_of(std::initializer_list<Bytes> records) {
  Bytes log;
  for (const auto& one : records) log.insert(log.end(), one.begin(), one.end());
  return log;
}
Bytes with_room(Bytes log) {
  log.resize(log.size() + 100'000);
  return log;
}

}  // namespace

TEST_CASE("the zeros behind the last record were not written") {
  const auto log = log_of({record(Bytes(100, 1)), record(Bytes(200, 2))});
  CHECK(written_log_length(with_room(log)) == log.size());
  CHECK(written_log_length(log) == log.size());
  CHECK(written_log_length({}) == 0);
  CHECK(written_log_length(Bytes(5000)) == 0);
}

TEST_CASE("zeros that a record ends with belong to it") {
  for (const std::size_t zeros : {1, 500, 5000, 20'000}) {
    Bytes data(100, 7);
    data.resize(100 + zeros);
    const auto log = log_of({record(Bytes(50, 1)), record(data)});
    CHECK(written_log_length(with_room(log)) == log.size());
  }
}

TEST_CASE("of a record that was torn between sectors only what came before its zeros was written") {
  const auto first = record(Bytes(3000, 1));
  for (const std::size_t written : {3584, 4096, 8192, 16'384}) {
    auto log = with_room(log_of({first, record(Bytes(20'000, 2))}));
    std::fill(log.begin() + static_cast<std::ptrdiff_t>(written), log.end(), std::uint8_t{0});
    const auto length = written_log_length(log);
    CHECK(length == written);
    CHECK(length > first.size());
  }
}

TEST_CASE("a damaged last record is not taken for a torn one") {
  for (const std::size_t at : {4UL, 10UL, 3000UL, 5000UL}) {
    auto log = log_of({record(Bytes(100, 1)), record(Bytes(6000, 2))});
    const auto whole = log.size();
    log[107 + at] ^= 1;
    // A flipped length leads nowhere, and then nothing is cut.
    const auto length = written_log_length(with_room(log));
    CHECK(length >= whole);
  }
}

TEST_CASE("what is too small for a header at the end of a block is skipped") {
  const auto log = log_of({record(Bytes((32 << 10) - 7 - 7 - 3, 1)), Bytes(0)});
  auto longer = log;
  longer.resize(32 << 10);  // 10 bytes left: a header fits
  const auto next = record(Bytes(3, 9));
  std::copy(next.begin(), next.end(), longer.begin() + static_cast<std::ptrdiff_t>(log.size()));
  const auto behind = record(Bytes(10, 4));
  longer.insert(longer.end(), behind.begin(), behind.end());
  CHECK(written_log_length(with_room(longer)) == longer.size());
}

namespace {

// Records of these sizes, one behind the other, and where each ends.
struct Log {
  Bytes bytes;
  std::vector<std::uint64_t> ends;
};
Log log_with(std::initializer_list<std::size_t> sizes) {
  Log log;
  for (const auto size : sizes) {
    const auto added =
        log_record(log.bytes.size(), Bytes(size, static_cast<std::uint8_t>(size % 251 + 1)));
    log.bytes.insert(log.bytes.end(), added.begin(), added.end());
    log.ends.push_back(log.bytes.size());
  }
  return log;
}

}  // namespace

TEST_CASE("a failed append is cut where the record before it ended, a failed sync one earlier") {
  // The third record has parts in three blocks, the fifth begins behind a block's padding.
  const auto log = log_with({100, 5000, 70'000, 23'147, 300});
  for (std::size_t i = 1; i < log.ends.size(); ++i) {
    const ByteView all = log.bytes;
    CHECK(end_of_log(all.first(log.ends[i]), LogCut::last_record) == log.ends[i - 1]);
    CHECK(end_of_log(all.first(log.ends[i]), LogCut::unfinished) == log.ends[i]);
    for (const auto size :
         {log.ends[i] - 1, log.ends[i - 1] + 1, (log.ends[i - 1] + log.ends[i]) / 2})
      CHECK(end_of_log(all.first(size), LogCut::unfinished) == log.ends[i - 1]);
  }
  CHECK(end_of_log(ByteView{}, LogCut::unfinished) == 0);
  CHECK(end_of_log(ByteView(log.bytes).first(log.ends[0]), LogCut::last_record) == 0);
}

TEST_CASE("a log that is not understood is not cut") {
  auto log = log_with({100, 200});
  log.bytes[6] = 9;
  CHECK_FALSE(end_of_log(ByteView(log.bytes), LogCut::unfinished).has_value());
}

TEST_CASE("records are read back, and only the damaged ones are left out") {
  auto log = log_with({100, 70'000, 200, 40'000, 50});
  auto records = log_records(log.bytes);
  REQUIRE(records.size() == 5);
  CHECK(records[1] == Bytes(70'000, static_cast<std::uint8_t>(70'000 % 251 + 1)));
  CHECK(records[3].size() == 40'000);
  CHECK(log_records(with_room(log.bytes)).size() == 5);
  log.bytes[log.ends[0] + 40'000] ^= 1;  // in the second block, which holds a part of the second
  records = log_records(log.bytes);
  for (const auto& record : records) CHECK(record.size() != 70'000);
  CHECK(records.front().size() == 100);
  CHECK(records.back().size() == 50);
}
