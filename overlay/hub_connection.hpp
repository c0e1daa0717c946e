#pragma once

// The inside of Hub: one transport connection with its stream and channels, and one attempt to
// reach a peer after a hello. For hub*.cpp alone.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "overlay/hub.hpp"

namespace cip::overlay {

// Attempts by card have numbers that no hello reaches.
inline constexpr HelloId kFirstCardAttempt = HelloId{1} << 63;

struct Hub::Connection {
  StreamInfo info;               // conn, remote and outgoing at once, the rest when it is open
  bool user_dial = false;        // by dial(): its failure is told
  std::vector<Bytes32> targets;  // of dial()
  HelloId hello = 0;             // whose dial this is
  std::optional<SecretStream> stream;  // none: the transport is being made
  std::optional<Mux> mux;              // once the stream is open
  std::map<ChannelId, ChannelHandler*> channels;
  bool is_open = false;      // handlers know of it
  bool is_unproven = false;  // counted as such
  bool driver_full = false;
  bool blocked = false;  // a handler was told that it is not writable
  bool dirty = false;
  bool has_output = false;  // is in outputs_
  unsigned holds = 0;
  bool held = false;                    // as the driver was told
  std::optional<TimePoint> superseded;  // the peer has a newer stream; closed then
  bool doomed = false;
  std::error_code doom_error;
  std::string doom_reason;
  TimePoint since{};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;

  bool can_take_more() const {
    return is_open && !doomed && !driver_full && stream->pending_output() < kOutputHighWater;
  }
};

// Links that are opened for one hello, or for one contact card, and which of them is used.
// Without candidates, and while `waiting`, it is the peer that dials.
struct Hub::Attempt {
  HelloId hello = 0;  // of a card: a number from kFirstCardAttempt on
  PublicKey peer{};
  bool by_card = false;  // opened by Noise XX, for there was no hello
  BoundKeys keys;        // else
  Endpoint seen;         // the peer's UDP address
  std::deque<Candidate> left;
  std::optional<TimePoint> next_dial;
  std::optional<TimePoint> give_up;  // set while the peer is expected to dial
  std::set<ConnId> dialled;
  bool chosen = false;
  bool may_ask_back = false;  // both sides can, and it was not tried
  std::error_code last_error;
};

}  // namespace cip::overlay
