#pragma once

// When a side that punches sends probes, from which of its sockets and where to (dht.md 14
// "Punching"). A machine by itself: every probe that is due comes out of poll_probe().

#include <cstdint>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/transport/role.hpp"
#include "overlay/transport/udx/types.hpp"

namespace cip::overlay {

// A near probe opens the own NAT and dies on the way (TTL 5); a far one is meant to arrive.
enum class ProbeReach : std::uint8_t { near, far };

struct PunchProbe {
  UdxSocket socket = 0;
  Endpoint to;
  ProbeReach reach = ProbeReach::far;
};

// Where the other side says that it is, and whether it was shown to read there.
struct PunchTarget {
  Endpoint address;
  bool verified = false;
};

// Both NATs keep their ports: all addresses each second, unverified ones every fourth time.
inline constexpr unsigned kPunchRounds = 10;
inline constexpr Duration kPunchRound = std::chrono::seconds(1);
// One NAT does not: so many probes at guessed ports, or from so many sockets in turn.
inline constexpr unsigned kRandomProbes = 1750;
inline constexpr Duration kRandomProbe = std::chrono::milliseconds(20);
inline constexpr std::size_t kBirthdaySockets = 256;
inline constexpr std::uint16_t kFirstGuess = 1000;

class PunchSchedule {
 public:
  // The initiator begins at once; the other side has sent a probe before or waits for one.
  static PunchSchedule consistent(Now now, Role role, UdxSocket socket,
                                  std::vector<PunchTarget> targets);
  // The other side changes its port for each peer: guesses at `host`.
  static PunchSchedule guessing(Now now, UdxSocket socket, std::uint32_t host);
  // This side does: every socket has its own mapping towards `to`, opened by near probes first.
  static PunchSchedule birthday(Now now, std::vector<UdxSocket> sockets, Endpoint to);

  void handle_timeout(Now now, Random& random);
  std::optional<PunchProbe> poll_probe();
  // None: it is over, and nothing came of it.
  std::optional<TimePoint> next_timeout() const { return next_; }

 private:
  enum class Kind : std::uint8_t { consistent, guessing, birthday };

  PunchSchedule(Kind kind, TimePoint first, std::vector<UdxSocket> sockets,
                std::vector<PunchTarget> targets);
  void step(Random& random);
  Duration pause() const;
  unsigned steps() const;

  Kind kind_;
  std::vector<UdxSocket> sockets_;
  std::vector<PunchTarget> targets_;
  unsigned done_ = 0;
  std::optional<TimePoint> next_;
  std::vector<PunchProbe> due_;  // last first
};

}  // namespace cip::overlay
