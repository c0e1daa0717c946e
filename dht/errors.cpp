#include "dht/errors.hpp"

#include <string>

namespace cip::dht {
namespace {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "dht"; }
  std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::request_timeout:
        return "no answer in time";
      case Errc::cancelled:
        return "cancelled";
      case Errc::no_contacts:
        return "no contact of the overlay is known";
      case Errc::no_answer:
        return "no node answered";
      case Errc::not_stored:
        return "no node accepted the value";
      case Errc::value_too_large:
        return "the value is above 1000 bytes";
      case Errc::refused:
        return "the node refused the request";
      case Errc::not_a_relay:
        return "the node knows no way to the peer";
      case Errc::malformed_reply:
        return "the answer does not make sense";
      case Errc::too_many:
        return "too many at once";
    }
    return "unknown error";
  }
};

}  // namespace

std::error_code make_error_code(Errc code) {
  static const Category category;
  return {static_cast<int>(code), category};
}

}  // namespace cip::dht
