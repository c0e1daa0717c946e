#pragma once

// Hubs joined by pipes of bytes: pieces of random size, in virtual time, optionally with DHT nodes
// below them. Feeds live in memory backends, whose operations are done at once.

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dht/announcer.hpp"
#include "overlay/hub.hpp"
#include "store/memory_backend.hpp"
#include "tests/unit/dht/test_network.hpp"

namespace cip::test {

// A kind of link that no driver of the program makes.
inline constexpr auto kPipe = static_cast<overlay::LinkKind>(200);

// One participant.
struct HubHost {
  explicit HubHost(std::uint64_t seed) : random(seed), backend(random) {}

  Endpoint tcp;
  Endpoint pipe;  // where links of kPipe lead
  SeededRandom random;
  store::MemoryBackend backend;
  KeyPair key;
  std::optional<std::size_t> dht_host;
  std::size_t dht_events_seen = 0;
  std::unique_ptr<dht::Announcer> announcer;
  std::unique_ptr<overlay::Hub> hub;
  std::vector<overlay::HubEvent> events;
  bool accepts = true;  // sockets of others
  bool silent = false;  // what is sent to its listener is lost

  template <typename E>
  std::vector<E> seen() const {
    std::vector<E> out;
    for (const auto& event : events) {
      if (const auto* match = std::get_if<E>(&event)) out.push_back(*match);
    }
    return out;
  }
  // Events of feeds of one kind.
  template <typename E>
  std::vector<E> feed_seen() const {
    std::vector<E> out;
    for (const auto& news : seen<overlay::FeedNews>()) {
      if (const auto* match = std::get_if<E>(&news.what)) out.push_back(*match);
    }
    return out;
  }
  // What the replicators reported.
  template <typename E>
  std::vector<E> replicated() const {
    std::vector<E> out;
    for (const auto& event : feed_seen<overlay::ReplicatorEvent>()) {
      if (const auto* match = std::get_if<E>(&event)) out.push_back(*match);
    }
    return out;
  }
};

class HubWorld {
 public:
  explicit HubWorld(std::uint64_t seed = 1) : net(seed), random_(seed) {}

  // A hub without a DHT.
  HubHost& add(overlay::HubOptions options = {});
  // A hub on a new DHT node that enters through the first host of `net`.
  HubHost& add_with_dht(overlay::HubOptions options = {});
  // From now on it opens no streams over TCP.
  void leave_tcp(HubHost& host);
  // Listens for hellos and announces the own key.
  void serve(HubHost& host);
  // Opens a feed of the key pair in the host's backend; `writer`: with its manifest.
  store::FeedNumber add_feed(HubHost& host, const KeyPair& key, bool writer,
                             overlay::FeedSharing sharing);
  void append(HubHost& host, store::FeedNumber feed, const KeyPair& key, std::size_t count,
              std::size_t size = 100);

  // Delivers bytes and datagrams, runs timers.
  void run(Duration time);
  Now now() const { return net.now(); }
  // Breaks a connection: both sides hear that the transport is gone.
  void cut(HubHost& host, overlay::ConnId conn);
  // Bytes of strangers on a socket that `host` accepted.
  overlay::ConnId accept_stranger(HubHost& host);
  // Whether the hub has closed the socket.
  bool is_closed(HubHost& host, overlay::ConnId conn) const;

  TestNetwork net;
  std::size_t bytes_moved = 0;
  // Bytes that one side may take before it says it is full, and room is made by the next step.
  std::size_t driver_room = SIZE_MAX;
  // Of 100 datagrams of streams so many are lost.
  std::size_t datagrams_lost = 0;
  // Pieces that are delivered in a millisecond, as on a slow link.
  std::size_t pieces_per_ms = SIZE_MAX;

 private:
  struct End {
    HubHost* host = nullptr;
    overlay::ConnId conn = 0;
    auto operator<=>(const End&) const = default;
  };
  struct Piece {
    End to;
    Bytes bytes;
  };
  struct Datagram {
    Endpoint from;
    overlay::UdxDatagram what;
  };

  HubHost& make_host(overlay::HubOptions options, std::optional<std::size_t> dht_host);
  void pump(HubHost& host);
  void act(HubHost& host, const overlay::LinkAction& action);
  void open(HubHost& host, const overlay::LinkOpen& open);
  bool deliver_one();
  void deliver_datagrams();
  void run_timers();

  SeededRandom random_;
  std::vector<std::unique_ptr<HubHost>> hosts_;
  std::map<End, End> links_;
  std::deque<Piece> pieces_;
  std::deque<Datagram> datagrams_;
  std::vector<End> strangers_closed_;
  std::set<End> full_;
};

}  // namespace cip::test
