#include "store/rocksdb/run_cursor.hpp"

#include <rocksdb/iterator.h>

#include "store/rocksdb/status.hpp"

namespace cip::store {

RunCursor::RunCursor(Database& database, Family family, FeedNumber feed, bool fill_cache)
    : database_(database),
      family_(family),
      feed_(feed),
      fill_cache_(fill_cache),
      end_(feed_prefix(feed + 1)),
      end_slice_(slice_of(end_)) {}

Result<bool> RunCursor::seek(std::uint64_t position) {
  const bool at_end = at_ && !at_->Valid();
  if (at_end || (at_ && last_ >= position)) return take_place();
  if (!at_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &end_slice_;
    options.fill_cache = fill_cache_;
    at_.reset(database_.db().NewIterator(options, database_.family(family_)));
  } else if (position == last_ + 1) {
    at_->Next();
    return take_place();
  }
  const auto key = run_key(feed_, position);
  at_->Seek(slice_of(key));
  return take_place();
}

Result<bool> RunCursor::take_place() {
  if (!at_->Valid()) {
    if (!at_->status().ok()) return fail(error_of(at_->status()));
    return false;
  }
  const auto place = decode_run_key(view_of(at_->key()));
  if (!place || place->feed != feed_) return fail(Errc::corrupt);
  last_ = place->last;
  return true;
}

ByteView RunCursor::value() const { return view_of(at_->value()); }

}  // namespace cip::store
