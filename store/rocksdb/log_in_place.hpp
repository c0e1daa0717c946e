#pragma once

// Write-ahead logs that have their length before their contents.
//
// RocksDB reserves room for a log behind the end of the file, so that each synced append writes the
// new length of the file beside its data: two writes of the disk where one would do. Here the room
// is part of the file, zeros until it is used; when a log is closed it is cut to what was written.
//
// After a crash a log thus ends in zeros. RocksDB takes them for the end of the log, unless a write
// was torn: what is half there looks like damage in the middle. mend_log_tails() therefore cuts
// such logs to what was written before RocksDB reads them, and the recovery is that of a log which
// ends early. The files themselves are made in database_files.hpp.
//
// A log is a sequence of blocks of 32 KiB, each a sequence of records (RocksDB's wiki: Write Ahead
// Log File Format); a record does not cross blocks, and less than 7 bytes at the end of a block are
// zeros:
//
//   crc u32 (masked CRC-32C of type and data) | size u16 | type u8 | data

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace cip::store {

// Cuts the logs in the folder of a database that nobody has open. Errors: those of a disk.
Result<void> mend_log_tails(const std::string& folder);

// How much of a log was written: all but the zeros behind the last record, and of a torn last
// record what came before its zeros. A record that is damaged otherwise counts whole, for RocksDB
// to judge.
std::uint64_t written_log_length(ByteView log);

// Where to cut a log so that a write that failed is not in it. A write is one record, which may
// have parts.
enum class LogCut {
  unfinished,   // an append failed: its record has no end
  last_record,  // all was appended and the sync failed: its record is the last
};
// Nothing: the log is not understood, or cannot be read. `size`: what was appended with success.
std::optional<std::uint64_t> end_of_log(ByteView log, LogCut cut);
std::optional<std::uint64_t> end_of_log(const std::string& path, std::uint64_t size, LogCut cut);

// Where the last record of a log ends that is there whole, while others may be written behind it.
// Nothing: it cannot be read.
std::optional<std::uint64_t> whole_log_length(const std::string& path);

// Whether a log holds all that was synced to it: its first `length` bytes are sound records.
bool holds_synced(ByteView log, std::uint64_t length);
bool holds_synced(const std::string& path, std::uint64_t length);

// What the records of a log hold, each with all of its parts; those that are damaged are left out.
std::vector<Bytes> log_records(ByteView log);
// The same, one at a time. A file that cannot be read has none.
void each_log_record(ByteView log, const std::function<void(Bytes)>& take);
void each_log_record(const std::string& path, const std::function<void(Bytes)>& take);
// The bytes that put a record with this content at the end of a log of `at` bytes.
Bytes log_record(std::uint64_t at, ByteView content);

}  // namespace cip::store
