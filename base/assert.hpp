#pragma once

// CIP_ASSERT: states an invariant positively, one condition each; on in every build. A failure is a
// bug of ours and aborts. Never use it for input.

namespace cip {
inline namespace base {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}
}  // namespace cip

#define CIP_ASSERT(condition)         \
  ((condition) ? static_cast<void>(0) \
               : ::cip::base::assertion_failed(#condition, __FILE__, __LINE__))
