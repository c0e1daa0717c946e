#pragma once

// What a Backend on a disk can do after the disk has failed it.
//
// After a failure every write fails at once, for the same reason, until recover(); what is there
// can be read. Only what makes room (drop_feed; commits that clear or truncate and store no block)
// is done on a full disk as well, in a reserve that is kept for it. A write that failed is not
// there afterwards, one that was done is.

#include <functional>

#include "base/result.hpp"

namespace cip::store {

class DiskRecovery {
 public:
  virtual ~DiskRecovery() = default;

  // Why nothing is written at present; no error: all is well. From any thread, at once.
  virtual std::error_code failure() const = 0;
  // `told` is called, on whatever thread, when failure() becomes an error, and now if it is one. It
  // must not call back.
  virtual void watch_failures(std::function<void()> told) = 0;
  // After a failure: opens the database anew if the disk takes writes again, and goes on with what
  // was put off. Blocks as long as opening takes. Error: failure().
  [[nodiscard]] virtual Result<void> recover() = 0;
};

}  // namespace cip::store
