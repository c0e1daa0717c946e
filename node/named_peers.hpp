#pragma once

// Peers that the user named for a feed, as HOST:PORT or by their keys. A host is looked up; a key
// is greeted through the DHT, and its holder dialled where it says that it listens.

#include <asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/participant.hpp"
#include "node/reach.hpp"

namespace cip::node {

// So long a key is sought while nobody of the network is known yet.
inline constexpr Duration kContactPatience = std::chrono::seconds(5);

// What became of one name.
struct DialledPeer {
  struct Dial {
    overlay::ConnId conn = 0;
    overlay::Candidate to;
  };
  std::vector<Dial> dials;  // under way
  std::string problem;      // names the peer and says why there are none
};

class NamedPeers {
 public:
  // Connections are made for the feed that `discovery_key` stands for. `on_dialled` comes once for
  // each name, for an address already within dial(), and may destroy this. `participant` and
  // `reach` outlive it.
  NamedPeers(Participant& participant, const Reach& reach, const Bytes32& discovery_key,
             std::function<void(const DialledPeer&)> on_dialled);
  // Hellos under way are cancelled; what was dialled stays.
  ~NamedPeers();
  NamedPeers(const NamedPeers&) = delete;
  NamedPeers& operator=(const NamedPeers&) = delete;

  void dial(const std::string& name);
  // Names of which on_dialled has said nothing yet.
  std::size_t pending() const { return pending_; }

 private:
  void seek_after(Duration pause);
  void seek();
  void handle(const overlay::GreeterEvent& event);
  // The name of the peer that this hello was for, which is sought no longer.
  std::optional<std::string> take(const PublicKey& peer, overlay::HelloId hello);
  void finish(const std::vector<overlay::Candidate>& candidates, std::string problem);

  struct Sought {
    std::string name;
    TimePoint until{};           // for the first contact
    overlay::HelloId hello = 0;  // under way
  };

  Participant& participant_;
  const Reach& reach_;
  const Bytes32 discovery_key_;
  std::function<void(const DialledPeer&)> on_dialled_;
  std::size_t pending_ = 0;
  std::map<PublicKey, Sought> sought_;
  Listeners<overlay::HubEvent>::Listening listening_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
