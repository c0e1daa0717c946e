#pragma once

// Result<T>: a value or an error code. A thin layer over tl::expected, with the member names of the
// standard's std::expected, so that moving to C++23 is a matter of one base class.

#include <system_error>
#include <tl/expected.hpp>

namespace cip {
inline namespace base {

// A class of its own, since the attribute cannot stand at an alias: whoever drops one is warned.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, std::error_code> {
 public:
  using tl::expected<T, std::error_code>::expected;
};

// `return fail(Errc::truncated);` from any function that returns a Result.
[[nodiscard]] inline tl::unexpected<std::error_code> fail(std::error_code code) {
  return tl::unexpected<std::error_code>(code);
}
template <typename E>
requires std::is_error_code_enum_v<E>
[[nodiscard]] tl::unexpected<std::error_code> fail(E code) {
  return tl::unexpected<std::error_code>(make_error_code(code));
}

// Errors of the base floor, category "base".
enum class Errc {
  truncated = 1,    // input ended before the value did
  too_long,         // a count or length above its bound
  out_of_range,     // a number outside the range of its type or of 2^53 - 1
  bad_key_text,     // neither z32, hex, hyper:// nor pear://
  bad_endpoint,     // not HOST:PORT with a numeric IPv4 host
  bad_number,       // not a number with a known unit
  bad_signature,    // a signature does not verify
  bad_point,        // an Ed25519 point of small order, or none at all
  bad_ciphertext,   // authentication of an encrypted message failed
  unknown_version,  // a local record of a format this program does not know
};

std::error_code make_error_code(Errc code);

}  // namespace base
}  // namespace cip

template <>
struct std::is_error_code_enum<cip::base::Errc> : std::true_type {};
