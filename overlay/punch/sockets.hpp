#pragma once

// The sockets of a node's holepunches, by number: whose each is, which stream stands on it when the
// attempt is over, and when it is closed.

#include <cstdint>
#include <map>
#include <optional>
#include <variant>

#include "base/fifo.hpp"
#include "base/time.hpp"
#include "overlay/punch/schedule.hpp"
#include "overlay/transport/punch_offer.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

class UdxStreams;

// Sockets by number, those of birthday punches included; 0 and 1 are the DHT's.
inline constexpr UdxSocket kFirstPunchSocket = 2;
inline constexpr UdxSocket kMaxPunchSockets = 1024;
// A socket is closed so long after its last use: what is under way still leaves.
inline constexpr Duration kPunchLinger = std::chrono::seconds(3);

// --- for the driver

struct PunchOpen {
  UdxSocket socket = 0;
};
struct PunchClose {
  UdxSocket socket = 0;
};
using PunchAction = std::variant<PunchOpen, PunchClose, PunchProbe>;

class PunchSockets {
 public:
  explicit PunchSockets(const UdxStreams& streams) : streams_(streams) {}

  // --- commands
  // None: all numbers are in use.
  std::optional<UdxSocket> open(PunchId owner);
  void close(TimePoint now, UdxSocket socket);
  // The attempt is over; the socket stays for as long as the stream.
  void keep(TimePoint now, UdxSocket socket, UdxId stream);
  void probe(const PunchProbe& probe) { actions_.push(PunchAction{probe}); }
  // The driver could not open it.
  void forget(UdxSocket socket) { sockets_.erase(socket); }

  // 0: of no attempt.
  PunchId owner_of(UdxSocket socket) const;

  void handle_timeout(TimePoint now);
  std::optional<TimePoint> next_timeout() const;
  std::optional<PunchAction> poll_action() { return actions_.pop(); }

 private:
  struct Socket {
    PunchId owner = 0;                 // 0: the attempt is over
    UdxId stream = 0;                  // that stands on it then
    std::optional<TimePoint> closing;  // none does
  };
  void sweep(TimePoint now);

  const UdxStreams& streams_;
  std::map<UdxSocket, Socket> sockets_;
  std::optional<TimePoint> sweep_at_;  // set while streams stand on sockets
  Fifo<PunchAction> actions_;
};

}  // namespace cip::overlay
