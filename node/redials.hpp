#pragma once

// Peers that the user named and that took a connection only to close it in the handshake, as one
// does whose places are all taken for the moment: they are dialled again, in pauses that double.

#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <system_error>

#include "node/participant.hpp"

namespace cip::node {

inline constexpr Duration kFirstRedialPause = std::chrono::milliseconds(250);
inline constexpr Duration kLongestRedialPause = std::chrono::seconds(8);
// Who still closes after so long is told of.
inline constexpr Duration kTellRedialsAfter = std::chrono::seconds(1);

class Redials {
 public:
  struct Callbacks {
    std::function<void(overlay::ConnId)> on_dialled;
    std::function<void(const std::string&)> on_notice;  // once for each peer
  };
  // Connections are made for the feed that `discovery_key` stands for. `participant` outlives it.
  Redials(Participant& participant, const Bytes32& discovery_key, Callbacks callbacks);

  // A dial failed. False: for a reason that another one will not mend.
  bool try_again(const overlay::DialFailed& failed);
  // Peers that are not being dialled now, and will be.
  std::size_t waiting() const;

 private:
  struct Peer {
    explicit Peer(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    Duration pause = kFirstRedialPause;
    Duration paused{};  // in all
    bool waits = false;
    bool told = false;
  };

  void wait(const overlay::Candidate& to, Peer& peer);
  void tell(const overlay::Candidate& to, Peer& peer);

  Participant& participant_;
  const Bytes32 discovery_key_;
  Callbacks callbacks_;
  std::map<overlay::Candidate, Peer> peers_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
