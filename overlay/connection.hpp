#pragma once

// One connection: a link with its stream and the channels on it. For Connections, which owns them,
// and for Hub and Dialler, which decide which of them stay.

#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "overlay/channel_handler.hpp"
#include "overlay/transport/mux.hpp"
#include "overlay/transport/secret_stream.hpp"

namespace cip::overlay {

// Bytes of one stream that wait to be taken by the driver; above it a stream is not writable.
inline constexpr std::size_t kOutputHighWater = 1 << 20;

// How the stream is opened once a link of our own making is there: bound to a hello (`keys`), or by
// Noise XX, with one peer alone (`expected`) or with whoever is there.
struct Opening {
  std::optional<BoundKeys> keys;
  std::optional<PublicKey> expected;
  UdxEnds udx;  // of a link over UDX, which has keys
};

struct Connection {
  StreamInfo info;               // conn, remote and outgoing at once, the rest when it is open
  Opening opening;               // of outgoing ones
  HelloId hello = 0;             // which hello it is for; of an attempt by card its number
  bool user_dial = false;        // by Hub::dial(): its failure is told
  std::vector<Bytes32> targets;  // of Hub::dial()
  std::optional<SecretStream> stream;  // none: the link is being made
  std::optional<Mux> mux;              // once the stream is open
  std::map<ChannelId, ChannelHandler*> channels;
  bool is_open = false;      // handlers know of it
  bool is_unproven = false;  // counted as such
  bool trusted = false;      // the driver of UDX was told
  bool driver_full = false;
  bool blocked = false;  // a handler was told that it is not writable
  bool dirty = false;
  bool has_output = false;  // is in the list of those with bytes to be taken
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

}  // namespace cip::overlay
