#pragma once

// What can go wrong in the DHT, as seen by whoever asked for something. Bad datagrams are not
// errors: they are dropped and counted (dht/drop_reason.hpp).

#include <system_error>

namespace cip::dht {

enum class Errc {
  request_timeout = 1,  // no answer after all transmissions
  cancelled,            // the owner cancelled it, or the node shut down
  no_contacts,          // nobody to ask: no contact is known
  no_answer,            // contacts were asked and none answered
  not_stored,           // no node accepted what was to be stored
  value_too_large,      // own values have at most kMaxOwnValueSize bytes
  refused,              // the asked node answered with an error code
  not_a_relay,          // the asked node neither listens under the target nor knows a way there
  malformed_reply,      // an answer that does not decode or does not fit the question
  too_many,             // a bound of this node is reached (queries, requests)
};

std::error_code make_error_code(Errc code);

}  // namespace cip::dht

template <>
struct std::is_error_code_enum<cip::dht::Errc> : std::true_type {};
