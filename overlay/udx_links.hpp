#pragma once

// Links over UDX: what the driver of TCP is for its links, as a machine between the Hub's
// connections and the UDX streams of the node (udx.md 4, 14). A hello names the ids of both ends
// before there is a connection; a connection is then bound to a stream by LinkOpen::udx. Where both
// sides are behind NATs a hole is punched for it first.
//
//   Connections ──LinkAction──► UdxLinks ──► UdxStreams ──► datagrams
//   Connections ◄──bytes, closed── UdxLinks ◄── UdxStreams ◄── datagrams

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "dht/node_types.hpp"
#include "overlay/transport/link.hpp"
#include "overlay/transport/udx/streams.hpp"

namespace cip::dht {
class Node;
}

namespace cip::overlay {

// A healthy stream that this side ends is destroyed when the other has not ended by then.
inline constexpr Duration kUdxFarewell = std::chrono::seconds(2);

class Punches;  // overlay/punch/punches.hpp

class UdxLinks {
 public:
  // All outlive it. Without a node no holes are punched.
  UdxLinks(Random& random, LinkOwner& owner, dht::Node* node);
  ~UdxLinks();

  // Ids for hellos are created here, and destroyed if no connection comes of the hello.
  UdxStreams& streams() { return streams_; }
  const UdxStreams& streams() const { return streams_; }

  // Null without a node. Its actions are the driver's, before anything leaves from its sockets.
  Punches* punches() { return punches_.get(); }

  // --- commands

  // True: the action was for a link over UDX, and it is done.
  bool carry_out(Now now, LinkAction& action);
  // A peer may call this end of a stream: then there is a link, by handle_accepted().
  void await(Now now, const UdxEnds& ends);
  // From now on links that are closed end at once.
  void stop() { stopping_ = true; }

  // --- inputs

  // False: not for a stream of this node.
  bool handle_datagram(Now now, UdxSocket socket, Endpoint from, MutableByteView datagram);
  // A probe came to a socket of the holepunches.
  void handle_probe(Now now, UdxSocket socket, Endpoint from);
  // True when the event was for a holepunch.
  bool handle_dht_event(Now now, const dht::Event& event);
  void handle_timeout(Now now);
  void settle(Now now);

  // --- outputs

  std::optional<UdxDatagram> poll_datagram(Now now);
  std::optional<TimePoint> next_timeout() const;

  // --- what is known

  std::optional<UdxStatus> status(ConnId conn) const;

 private:
  struct Link {
    UdxId id = 0;
    std::uint32_t remote_id = 0;
    bool connected = false;
    bool full = false;
  };

  void open(Now now, const LinkOpen& open);
  void accept(Now now, const UdxKnocked& knock, std::uint32_t remote_id);
  void write(Now now, Link& link, ConnId conn, Bytes bytes);
  void close(Now now, ConnId conn, bool broken);
  void connect(Now now, ConnId conn, Link& link, const UdxPath& path);
  void take_events(Now now);
  void take_punch_events(Now now);
  void knocked(Now now, const UdxKnocked& knock);
  void closed(Now now, UdxId id, std::error_code error);
  Link* find(ConnId conn);
  // 0: no link stands on the stream.
  ConnId conn_of(UdxId id) const;

  UdxStreams streams_;
  std::unique_ptr<Punches> punches_;
  LinkOwner& owner_;
  std::map<ConnId, Link> links_;
  std::map<UdxId, ConnId> by_id_;
  std::map<UdxId, UdxKnocked> knocks_;      // of streams without a link yet: the hello is under way
  std::map<UdxId, std::uint32_t> awaited_;  // the other ends of streams that may be called
  std::map<UdxId, TimePoint> farewells_;    // ended by this side, until when the other may
  bool stopping_ = false;
};

}  // namespace cip::overlay
