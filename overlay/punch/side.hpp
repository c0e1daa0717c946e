#pragma once

// What both sides of a holepunch have (dht.md 14): a socket and what its NAT does, what the other
// side says of itself, and the probes once both are willing.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/endpoint.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/punch/message.hpp"
#include "overlay/punch/nat.hpp"
#include "overlay/punch/schedule.hpp"
#include "overlay/punch/sockets.hpp"
#include "overlay/transport/role.hpp"

namespace cip::overlay {

// What the sides of all holepunches ask of the node.
class PunchRoom {
 public:
  // None: all numbers are in use.
  virtual std::optional<UdxSocket> open_socket(PunchId owner) = 0;
  virtual void close_socket(UdxSocket socket) = 0;
  virtual void probe(const PunchProbe& probe) = 0;
  // Pings up to PunchNat::kWanted nodes of this realm that are not in `asked`, where it notes them;
  // returns how many. Each ends with handle_seen() or handle_silence().
  virtual std::size_t ping_nodes(Now now, UdxSocket from, Realm realm,
                                 std::set<Endpoint>& asked) = 0;
  // Sends a message to the other side by way of `relay`, which sees it at `peer`.
  virtual void ask(Now now, PunchId id, Endpoint relay, Endpoint peer,
                   const PunchMessage& message) = 0;
  // One punch with a random NAT at a time, and not at once after another; false: not now.
  virtual bool take_random_turn(Now now, PunchId id) = 0;
  virtual Random& random() = 0;

 protected:
  ~PunchRoom() = default;
};

class PunchSide {
 public:
  // Sockets in place of one whose NAT is of no use: phones change theirs.
  static constexpr unsigned kMaxReopened = 3;

  // `peer`: where a relay of the hello sees the other side. `room` outlives it.
  PunchSide(PunchRoom& room, PunchId id, Role role, Endpoint peer);
  ~PunchSide();
  PunchSide(const PunchSide&) = delete;
  PunchSide& operator=(const PunchSide&) = delete;

  // --- the own socket

  // A socket, in place of the one before. False: there is none left.
  bool open(Now now);
  // The same, a few times.
  bool reopen(Now now);
  UdxSocket socket() const { return sockets_.empty() ? UdxSocket{0} : sockets_.front(); }
  // A stream stands on it: it stays open when this ends. The others are closed.
  void keep(UdxSocket socket);
  void handle_seen(Now now, UdxSocket socket, Endpoint seen, Endpoint from);
  void handle_silence(Now now, UdxSocket socket);
  PunchNat& nat() { return nat_; }
  const PunchNat& nat() const { return nat_; }
  // All is known of the NAT that will be.
  bool is_analysed() const { return nat_.is_decided() || pings_ == 0; }
  // It is of no use against the other side's.
  bool is_unstable() const;

  // --- the other side

  // `verified`: a host at which it was shown to read; 0: none.
  void take_remote(const PunchMessage& message, std::uint32_t verified);
  dht::Firewall remote() const { return remote_; }
  bool remote_punches() const { return remote_punches_; }

  // --- probes

  void probe(Endpoint to, ProbeReach reach) { room_.probe({socket(), to, reach}); }
  // Begins to punch. False: there is no way to.
  bool punch(Now now);
  bool is_punching() const { return schedule_.has_value(); }
  bool needs_random_turn() const;
  void handle_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;
  // It punched, and is through.
  bool has_given_up() const { return schedule_ && !schedule_->next_timeout(); }

 private:
  void sample(Now now);

  PunchRoom& room_;
  PunchId id_;
  Role role_;
  Endpoint peer_;
  std::vector<UdxSocket> sockets_;  // the first is the one that is known to the other side
  unsigned reopened_ = 0;
  PunchNat nat_;
  std::set<Endpoint> asked_;  // nodes
  std::size_t pings_ = 0;     // under way
  bool sampled_again_ = false;
  dht::Firewall remote_ = dht::Firewall::unknown;
  bool remote_punches_ = false;
  std::vector<PunchTarget> targets_;
  std::optional<PunchSchedule> schedule_;
};

}  // namespace cip::overlay
