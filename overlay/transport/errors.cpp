#include "overlay/transport/errors.hpp"

#include <string>

namespace cip::overlay {
namespace {

const char* text(StreamErrc code) {
  switch (code) {
    case StreamErrc::bad_handshake:
      return "the handshake does not authenticate";
    case StreamErrc::bad_point:
      return "not a valid public key";
    case StreamErrc::unexpected_frame:
      return "unexpected frame before the stream was proven";
    case StreamErrc::unknown_stream:
      return "the stream belongs to no pending hello";
    case StreamErrc::wrong_stream_id:
      return "wrong stream id";
    case StreamErrc::wrong_proof:
      return "the other side could not prove itself";
    case StreamErrc::bad_frame:
      return "a frame does not authenticate";
    case StreamErrc::frame_too_large:
      return "a message is larger than a frame";
    case StreamErrc::handshake_timeout:
      return "the handshake took too long";
    case StreamErrc::peer_silent:
      return "the peer fell silent";
    case StreamErrc::ended:
      return "the peer ended the stream";
    case StreamErrc::not_chosen:
      return "another connection to the same peer is used";
    case StreamErrc::wrong_peer:
      return "another peer answers at this address";
    case StreamErrc::malformed_message:
      return "a message does not decode";
    case StreamErrc::bad_channel_number:
      return "a channel number out of order";
    case StreamErrc::too_much_buffered:
      return "too many messages before a channel was agreed";
  }
  return "unknown error";
}

class StreamCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "stream"; }
  std::string message(int code) const override { return text(static_cast<StreamErrc>(code)); }
};

}  // namespace

std::error_code make_error_code(StreamErrc code) {
  static const StreamCategory category;
  return {static_cast<int>(code), category};
}

}  // namespace cip::overlay
