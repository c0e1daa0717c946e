#pragma once

// Why something that came from the network, or was due to go there, was not processed. Every drop
// is counted under one of these and shown by `cipnode status`.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cip::dht {

enum class DropReason : std::uint8_t {
  malformed,        // a datagram that does not decode (counted by the driver through note_drop)
  bad_source,       // source port 0 or no address
  foreign_realm,    // a public source or contact in a private overlay
  unknown_reply,    // no pending request has this tid
  wrong_source,     // a reply whose source is not the node that was asked
  bad_value,        // a request whose value or target is missing or does not decode
  bad_signature,    // an announce, unannounce or mutable value that does not verify
  missing_token,    // a storing command without token
  unknown_refresh,  // a refresh of a record that is not known
  hint_limit,       // a down_hint from a stranger, or above the limit per source
  delay_limit,      // a delayed_ping that is too long, or too many of them waiting
  store_limit,      // a storing command above the limit per source
  relay_limit,      // a hello or holepunch message above the limits of relaying
  relay_forbidden,  // relaying it would reach a narrower realm than its source may
  relay_unasked,    // a FROM_SERVER that answers nothing we relayed
  outgoing_limit,   // an own request that found the queue full
  event_limit,      // an event that nobody fetched in time
};
inline constexpr std::size_t kDropReasonCount = 17;

// The names used in JSON and logs: "wrong_source".
std::string_view name_of(DropReason reason);

using DropCounters = std::array<std::uint64_t, kDropReasonCount>;

}  // namespace cip::dht
