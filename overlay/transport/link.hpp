#pragma once

// Links: ordered transports of bytes that drivers make, by number. The machines above know of a
// link only its kind and where it leads; whether bytes travel by TCP or otherwise is the business
// of the driver of that kind.

#include <compare>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"

namespace cip::overlay {

// Number of a link, and of the connection over it, in one Hub; never reused. 0 names none.
using ConnId = std::uint64_t;

// Which driver makes it. Values are local to the program: no peer and no disk sees them.
enum class LinkKind : std::uint8_t { tcp = 1 };

// One way to reach a peer, or the way by which one came.
struct Candidate {
  LinkKind kind = LinkKind::tcp;
  Endpoint address;

  auto operator<=>(const Candidate&) const = default;
};

inline Candidate tcp_candidate(Endpoint address) { return {LinkKind::tcp, address}; }
std::vector<Candidate> tcp_candidates(std::span<const Endpoint> addresses);

// --- what a driver is to do

// Makes a link to `to`; answer with handle_connected() or handle_closed().
struct LinkOpen {
  ConnId conn = 0;
  Candidate to;
};
struct LinkWrite {
  ConnId conn = 0;
  Bytes bytes;
};
// Sends what is queued, then closes. No input follows for the link.
struct LinkClose {
  ConnId conn = 0;
};
// While held nothing is read from the link.
struct LinkHold {
  ConnId conn = 0;
  bool held = false;
};
using LinkAction = std::variant<LinkOpen, LinkWrite, LinkClose, LinkHold>;

}  // namespace cip::overlay
