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
