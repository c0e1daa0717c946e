#include "base/result.hpp"

#include <string>

namespace cip {
inline namespace base {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "base"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::truncated:
        return "input ends too early";
      case Errc::too_long:
        return "length above its limit";
      case Errc::out_of_range:
        return "number out of range";
      case Errc::bad_key_text:
        return "not a key: expected 52 letters of z-base-32 or 64 hex digits";
      case Errc::bad_endpoint:
        return "not an endpoint: expected HOST:PORT, for example 127.0.0.1:49737";
      case Errc::bad_number:
        return "not a number with a known unit";
      case Errc::bad_signature:
        return "signature does not verify";
      case Errc::bad_point:
        return "not a usable Ed25519 point";
      case Errc::bad_ciphertext:
        return "authentication of an encrypted message failed";
      case Errc::unknown_version:
        return "record of an unknown format version";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace base
}  // namespace cip
