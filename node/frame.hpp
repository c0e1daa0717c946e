#pragma once

// Frames of the control socket (decisions.md D6). Frozen at protocol version 1:
//
//   u32 length of the rest, little endian | u8 type | body
//   type 1  JSON   a JSON-RPC 2.0 object, UTF-8
//   type 2  bytes  u32 request id | raw bytes of that request's stream
//
// Requests carry their method and parameters; their last answer is the JSON-RPC response. Between
// the two go notifications, always with the request's id among the parameters:
//
//   result, progress, notice {id, value}    node to client
//   position {id, value}                    node to client: where to go on at another node
//   end, cancel {id}                        client to node: no more input; give up
//   input_error {id, error}                 client to node: in place of end, the input broke off
//   credit {id, bytes}                      both ways
//
// Each direction of a request starts with kStreamCredit bytes. Results and raw bytes use it up by
// their body size; who has consumed them gives it back. An object larger than what is left may
// still be sent. The first request on a connection is `hello {protocol, version}`.

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace cip::node {

inline constexpr std::string_view kControlProtocol = "cipnode-control";
inline constexpr int kControlVersion = 1;
// So much may be under way unread in each direction of a request (D6).
inline constexpr std::size_t kStreamCredit = 1024 * 1024;
// A message of 1 MiB whose every byte is escaped as \u00XX in JSON still fits.
inline constexpr std::size_t kMaxFrameSize = 8 * 1024 * 1024;
// Raw bytes are cut to this, so that no stream holds up the others.
inline constexpr std::size_t kMaxChunkSize = 64 * 1024;

enum class FrameType : std::uint8_t { json = 1, bytes = 2 };

struct Frame {
  FrameType type = FrameType::json;
  std::uint32_t request = 0;  // of raw bytes
  Bytes body;                 // JSON text or the raw bytes
};

Bytes encode_json_frame(std::string_view json);
Bytes encode_bytes_frame(std::uint32_t request, ByteView bytes);

// Cuts what arrives into frames. Buffers grow with the bytes that came, not with the length named.
class FrameReader {
 public:
  void feed(ByteView bytes) { append(buffer_, bytes); }
  // The next whole frame; nothing when more bytes are needed or after a failure.
  std::optional<Frame> next();
  // A frame was too long, too short or of an unknown type: the connection is to be closed.
  bool failed() const { return failed_; }

 private:
  void compact();

  Bytes buffer_;
  std::size_t start_ = 0;
  bool failed_ = false;
};

}  // namespace cip::node
