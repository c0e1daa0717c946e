#pragma once

// What can go wrong on a stream: its handshake, its frames, its channels. A peer's bad bytes end
// its stream with one of these; they are counted by reason and never fatal.

#include <system_error>

namespace cip::overlay {

enum class StreamErrc {
  // Noise and frames
  bad_handshake = 1,  // a Noise message that does not authenticate, or has the wrong length
  bad_point,          // a key that is not a point of the main subgroup
  unexpected_frame,   // a frame length that is not legal before the stream is proven
  unknown_stream,     // a bound stream that belongs to no pending hello
  wrong_stream_id,    // first frame with an id of somebody else
  wrong_proof,        // a bound stream whose other side could not prove itself
  bad_frame,          // a frame that does not authenticate, or is too short to
  frame_too_large,    // a message above kMaxPlaintext
  handshake_timeout,  // not proven in time
  peer_silent,        // a peer that sends keep-alives has stopped
  ended,              // the other side closed its direction
  not_chosen,         // another connection of the same hello is used
  wrong_peer,         // who answers at a dialled endpoint holds another key than the one sought
  // Multiplexer
  malformed_message,   // a multiplexer frame or a message on a channel does not decode
  bad_channel_number,  // open with a number in use or beyond the next, or a reject of nothing
  too_much_buffered,   // messages before the pairing decision above the bound
};

std::error_code make_error_code(StreamErrc code);

}  // namespace cip::overlay

template <>
struct std::is_error_code_enum<cip::overlay::StreamErrc> : std::true_type {};
