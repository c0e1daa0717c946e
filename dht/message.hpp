#pragma once

// The two datagrams of dht-rpc and their codec (dht.md 3).
//
//   request   03, flags u8 (1 id, 2 token, 4 internal, 8 target, 16 value), tid u16, to addr4,
//             [id 32] [token 32] command uint [target 32] [value buffer]
//   reply     13, flags u8 (1 id, 2 token, 4 closer, 8 error, 16 value), tid u16, to addr4,
//             [id 32] [token 32] [closer array<addr4>] [error uint] [value buffer]
//
// Messages enter and leave the machines decoded; only the UDP driver (and the simulator, for a
// share of messages) calls the codec.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "dht/commands.hpp"
#include "dht/node_id.hpp"

namespace cip::dht {

// The sockets of a node (dht.md 5). Until strangers are proven to reach the server socket, own
// requests leave from the client socket. Numbers behind these two are the owner's: sockets for
// punching holes, from which only what it asks for leaves, and whose answers teach nothing of the
// own address.
enum class SocketRole : std::uint16_t { server, client };

using Tid = std::uint16_t;

struct Request {
  Tid tid = 0;
  Endpoint to;                   // the address this datagram is sent to
  std::optional<NodeId> id;      // only from persistent nodes, on their server socket
  std::optional<Bytes32> token;  // proof that the sender receives at its address
  bool internal = false;         // which of the two command spaces
  std::uint64_t command = 0;
  std::optional<Target> target;
  std::optional<Bytes> value;

  bool operator==(const Request&) const = default;
  bool is(InternalCommand wanted) const {
    return internal && command == static_cast<std::uint64_t>(wanted);
  }
  bool is(Command wanted) const {
    return !internal && command == static_cast<std::uint64_t>(wanted);
  }
};

struct Reply {
  Tid tid = 0;  // that of the request
  Endpoint to;  // how the responder sees the requester; nothing authenticates it
  std::optional<NodeId> id;
  std::optional<Bytes32> token;
  std::vector<Endpoint> closer;  // nodes near the target; ids follow from the addresses
  std::uint64_t error = 0;
  std::optional<Bytes> value;  // an absent value and an empty one differ

  bool operator==(const Reply&) const = default;
  bool is(ReplyError wanted) const { return error == static_cast<std::uint64_t>(wanted); }
};

using Message = std::variant<Request, Reply>;

// `used`: a buffer whose memory may be taken for the result.
Bytes encode_message(const Message& message, Bytes used = {});
Bytes encode_message(const Request& request, Bytes used = {});
Bytes encode_message(const Reply& reply, Bytes used = {});
// Bytes that encode_message() would write.
std::size_t encoded_size(const Request& request);
std::size_t encoded_size(const Reply& reply);

// Nothing for what is not a whole message of version 3. Trailing bytes and unknown flags are
// ignored, as everywhere on this wire.
std::optional<Message> decode_message(ByteView datagram);

// What a datagram claims to be, judged by its first bytes.
enum class DatagramKind : std::uint8_t { request, reply, udx, probe, unknown };
DatagramKind classify_datagram(ByteView datagram);

}  // namespace cip::dht
