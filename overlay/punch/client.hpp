#pragma once

// The asking side of a holepunch (dht.md 14 "Rounds"): a round to learn what both NATs do, and one
// in which both begin. The first probe that arrives ends it.

#include <optional>
#include <system_error>
#include <vector>

#include "base/endpoint.hpp"
#include "base/time.hpp"
#include "overlay/errors.hpp"
#include "overlay/punch/side.hpp"
#include "overlay/transport/punch_offer.hpp"

namespace cip::overlay {

// The hole: packets of the peer come from there to this socket.
struct PunchHole {
  UdxSocket socket = 0;
  Endpoint peer;
};

class PunchClient {
 public:
  PunchClient(PunchRoom& room, PunchId id, PunchOffer offer);

  // --- inputs
  void start(Now now);
  void handle_reply(Now now, UdxSocket socket, const PunchMessage& message, Endpoint own_address,
                    Endpoint relay, Endpoint peer);
  void handle_no_reply();
  void handle_no_socket();
  void handle_seen(Now now, UdxSocket socket, Endpoint seen, Endpoint from);
  void handle_silence(Now now, UdxSocket socket);
  void handle_probe(UdxSocket socket, Endpoint from);
  void handle_timeout(Now now);

  // --- outputs
  std::optional<TimePoint> next_timeout() const;
  const std::optional<PunchHole>& hole() const { return hole_; }
  // No error: it goes on, or there is a hole.
  std::error_code error() const { return error_; }

  const PunchOffer& offer() const { return offer_; }
  PunchSide& side() { return side_; }
  const PunchSide& side() const { return side_; }

 private:
  enum class Stage : std::uint8_t { asks, pauses, analyses, agrees, punches };

  void ask_round(Now now);
  void proceed(Now now);
  void agree(Now now);
  Errc why_refused(const PunchMessage& message) const;
  void abort(Now now, std::error_code error);
  PunchMessage message() const;

  PunchRoom& room_;
  PunchId id_;
  PunchOffer offer_;
  HolepunchRelay relay_;  // of the peer's
  PunchSide side_;
  Bytes32 secret_;
  Stage stage_ = Stage::asks;
  std::uint64_t round_ = 0;
  bool asked_again_ = false;
  bool moved_ = false;  // to another socket, of which the peer does not know yet
  std::optional<TimePoint> pause_until_;
  std::optional<Bytes32> remote_token_;
  std::optional<PunchHole> hole_;
  std::error_code error_;
};

}  // namespace cip::overlay
