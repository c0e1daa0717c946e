#pragma once

// What the NAT before one socket does, by where nodes of the DHT see that socket (dht.md 14 "Own
// NAT"; peer implementation: npm hyperdht).

#include <cstdint>
#include <set>
#include <vector>

#include "base/endpoint.hpp"
#include "dht/commands.hpp"

namespace cip::overlay {

class PunchNat {
 public:
  // So many samples are asked for; three decide if they agree.
  static constexpr std::size_t kWanted = 4;

  // `from` sees the socket at `seen`. Each node has one say; none when frozen.
  void add(Endpoint seen, Endpoint from);
  // No further samples come, and there are fewer than three: a small overlay has no more nodes.
  // What they agree on is taken for true, since nothing else would be tried.
  void conclude();
  // The other side was told: what comes now changes nothing.
  void freeze() { frozen_ = true; }

  // unknown, consistent or random.
  dht::Firewall firewall() const { return firewall_; }
  // Where the socket can be reached; behind a random NAT the host alone, with port 0.
  const std::vector<Endpoint>& addresses() const { return addresses_; }
  bool has(Endpoint address) const;
  // No further sample is needed.
  bool is_decided() const;

 private:
  struct Seen {
    Endpoint address;
    unsigned times = 0;
  };

  static void count(std::vector<Seen>& list, Endpoint address);
  dht::Firewall judge() const;
  std::vector<Endpoint> list() const;

  std::set<Endpoint> sources_;
  std::vector<Seen> hosts_;  // port 0; most often seen first
  std::vector<Seen> places_;
  dht::Firewall firewall_ = dht::Firewall::unknown;
  std::vector<Endpoint> addresses_;
  bool frozen_ = false;
};

}  // namespace cip::overlay
