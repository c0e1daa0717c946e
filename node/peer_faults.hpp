#pragma once

// Why the peers that a fetch met are of no help: who could not be reached, who refused, who sent
// wrong data. The worst of it is what the user is told when nothing else succeeds, with its exit
// code.

#include <map>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "node/daemon.hpp"
#include "node/listeners.hpp"
#include "overlay/hub.hpp"

namespace cip::node {

struct PeerFault {
  std::string peer;  // its address, or its key
  ExitCode code = ExitCode::internal;
  std::string text;  // as in "127.0.0.1:4001 fell silent"
};

// The other side closed, politely or not.
bool is_closed_by_peer(std::error_code error);
// What an error of a stream, a dial or a proof says of the peer; code ok: nothing.
PeerFault fault_from(std::error_code error, std::string peer);

class PeerFaults {
 public:
  // `target`: where holders of the feed meet. `peers` as IP:PORT: those that the user named.
  // `on_let_go` hears of each peer that misbehaved.
  PeerFaults(Daemon& daemon, const Bytes32& target, const std::vector<std::string>& peers,
             std::function<void(const PeerFault&)> on_let_go);

  // Also named by the user: the address that a name stood for.
  void add_named(const Endpoint& peer) { named_.insert(peer); }
  // News of the feed.
  void handle(const overlay::FeedNews& news);
  // The error of a search that came to nothing, or the faults of peers where they say more.
  Error explain(Error verdict) const;
  // Peers that lied since the last call of forget_lies().
  unsigned lies() const { return lies_; }
  void forget_lies() { lies_ = 0; }

 private:
  void handle(const overlay::HubEvent& event);
  void handle(const overlay::SwarmEvent& event);
  void stream_down(const overlay::StreamDown& down);
  void note(PeerFault fault);
  std::string name_of(overlay::ConnId conn) const;

  Daemon& daemon_;
  Bytes32 target_;
  std::set<Endpoint> named_;
  std::function<void(const PeerFault&)> on_let_go_;
  std::set<PublicKey> candidates_;
  std::set<overlay::ConnId> joined_;
  std::map<overlay::ConnId, std::string> names_;  // of those that ever joined
  std::set<overlay::ConnId> answered_;            // said something about the feed
  std::vector<PeerFault> faults_;                 // the latest of each peer
  unsigned lies_ = 0;
  Listeners<overlay::HubEvent>::Listening listening_;
};

}  // namespace cip::node
