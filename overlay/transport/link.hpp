#pragma once

// Links: ordered transports of bytes that drivers make, by number. The machines above know of a
// link only its kind and where it leads; whether bytes travel by TCP or otherwise is the business
// of the driver of that kind.

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "overlay/transport/punch_offer.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

// Number of a link, and of the connection over it, in one Hub; never reused. 0 names none.
using ConnId = std::uint64_t;

// Which driver makes it. Values are local to the program: no peer and no disk sees them.
enum class LinkKind : std::uint8_t { tcp = 1, udx = 2 };

// "tcp", "udx": as users see it.
std::string_view name_of(LinkKind kind);

// One way to reach a peer, or the way by which one came.
struct Candidate {
  LinkKind kind = LinkKind::tcp;
  Endpoint address;

  auto operator<=>(const Candidate&) const = default;
};

// The ends of a UDX stream, as the two messages of a hello named them (udx.md 14).
struct UdxEnds {
  UdxId local_id = 0;
  std::uint32_t remote_id = 0;
  UdxSocket socket = 0;  // to call from
  bool calls = true;     // false: the other side sends first, and its packet shows the path
  std::optional<PunchOffer> punch = {};  // both are behind NATs: holes are punched for it
};

inline Candidate tcp_candidate(Endpoint address) { return {LinkKind::tcp, address}; }
std::vector<Candidate> tcp_candidates(std::span<const Endpoint> addresses);

// --- what a driver is to do

// Makes a link to `to`; answer with handle_connected() or handle_closed().
struct LinkOpen {
  ConnId conn = 0;
  Candidate to;
  UdxEnds udx;  // of that kind
};
struct LinkWrite {
  ConnId conn = 0;
  Bytes bytes;
};
// Sends what is queued, then closes; broken: there is no use in either. No input follows for the
// link.
struct LinkClose {
  ConnId conn = 0;
  bool broken = false;
};
// While held nothing is read from the link.
struct LinkHold {
  ConnId conn = 0;
  bool held = false;
};
// The other side of a link over UDX has proven itself: from now on it is heard at its addresses
// alone (udx.md 13).
struct LinkTrust {
  ConnId conn = 0;
};
using LinkAction = std::variant<LinkOpen, LinkWrite, LinkClose, LinkHold, LinkTrust>;

// --- what a driver tells

class LinkOwner {
 public:
  // 0: it is not wanted.
  virtual ConnId handle_accepted(Now now, const Candidate& remote) = 0;
  virtual void handle_connected(Now now, ConnId conn) = 0;
  virtual void handle_bytes(Now now, ConnId conn, MutableByteView bytes) = 0;
  virtual void handle_closed(Now now, ConnId conn, std::error_code error) = 0;
  virtual void handle_full(ConnId conn) = 0;
  virtual void handle_drained(Now now, ConnId conn) = 0;

 protected:
  ~LinkOwner() = default;
};

}  // namespace cip::overlay
