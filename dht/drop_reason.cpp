#include "dht/drop_reason.hpp"

namespace cip::dht {

std::string_view name_of(DropReason reason) {
  switch (reason) {
    case DropReason::malformed:
      return "malformed";
    case DropReason::bad_source:
      return "bad_source";
    case DropReason::foreign_realm:
      return "foreign_realm";
    case DropReason::unknown_reply:
      return "unknown_reply";
    case DropReason::wrong_source:
      return "wrong_source";
    case DropReason::bad_value:
      return "bad_value";
    case DropReason::bad_signature:
      return "bad_signature";
    case DropReason::missing_token:
      return "missing_token";
    case DropReason::unknown_refresh:
      return "unknown_refresh";
    case DropReason::hint_limit:
      return "hint_limit";
    case DropReason::delay_limit:
      return "delay_limit";
    case DropReason::store_limit:
      return "store_limit";
    case DropReason::relay_limit:
      return "relay_limit";
    case DropReason::relay_forbidden:
      return "relay_forbidden";
    case DropReason::relay_unasked:
      return "relay_unasked";
    case DropReason::outgoing_limit:
      return "outgoing_limit";
    case DropReason::event_limit:
      return "event_limit";
  }
  return "unknown";
}

}  // namespace cip::dht
