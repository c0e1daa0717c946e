#pragma once

// From links to open streams, and the end of both: links that drivers make, and the encrypted
// stream on each. Who is dialled and which streams stay is decided by the owner (StreamPolicy).
//
//   driver ──bytes──► SecretStream ─► Mux ─► Channels ─► ChannelHandler
//   driver ◄─LinkAction── poll_link()

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <system_error>

#include "base/crypto.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "overlay/channels.hpp"
#include "overlay/connection_table.hpp"

namespace cip::overlay {

// Links whose other side has not proven itself (dht.md 18.2): in all, of one address, and of
// loopback, which many nodes may share.
inline constexpr std::size_t kMaxUnproven = 256;
inline constexpr std::size_t kMaxUnprovenPerIp = 4;
inline constexpr std::size_t kMaxUnprovenLoopback = 64;
// Unfinished frames of all streams together; above it the stream with the largest one is closed.
inline constexpr std::size_t kMaxUnfinishedBytes = 64 << 20;
// Streams with peers, whoever dialled. Above it accepted ones are closed when they are proven.
inline constexpr std::size_t kMaxStreams = 256;

struct ConnectionCounters {
  std::uint64_t accepted = 0;
  std::uint64_t dialled = 0;
  std::uint64_t opened_bound = 0;
  std::uint64_t opened_xx = 0;
  std::map<std::string, std::uint64_t> closed;  // by reason; not those of others without a byte
};

// What the owner decides, and hears as it happens. It may open and doom connections from inside.
class StreamPolicy {
 public:
  // Both sides are proven. False: the stream was doomed, and does not open.
  virtual bool admit(Now now, Connection& connection) = 0;
  // It is open and the handlers know.
  virtual void opened(Now now, Connection& connection) = 0;
  // The peer has proven itself on a bound stream that this side began: choose() it, or doom it.
  virtual void proven(Now now, Connection& connection) = 0;
  // It is gone, and open if it ever was; the handlers know.
  virtual void ended(Now now, const Connection& connection, std::error_code error,
                     const std::string& reason) = 0;

 protected:
  ~StreamPolicy() = default;
};

// Part of the Hub, which ends its turns: close_doomed() and channels().end_turn() until nothing is
// doomed any more, then table().gather_output().
class Connections final : public LinkOwner {
 public:
  // `pending` are the hellos whose other side may open a stream. All outlive it.
  Connections(const KeyPair& identity, const PendingHellos& pending, Random& random,
              StreamPolicy& policy);

  ConnectionTable& table() { return table_; }
  const ConnectionTable& table() const { return table_; }
  Channels& channels() { return channels_; }
  const ConnectionCounters& counters() const { return counters_; }

  // --- commands

  Connection& open(Now now, const Candidate& to, Opening how);
  // A stock peer that was answered comes over UDX, or is called: its hello named the stream. False:
  // too many are unproven.
  bool expect(Now now, const Candidate& from, HelloId hello, Opening how);
  // Closes all and lets no further one in.
  void stop();

  // --- inputs, as of the Hub

  ConnId handle_accepted(Now now, const Candidate& remote) override;
  void handle_connected(Now now, ConnId conn) override;
  void handle_bytes(Now now, ConnId conn, MutableByteView bytes) override;
  void handle_closed(Now now, ConnId conn, std::error_code error) override;
  void handle_full(ConnId conn) override;
  void handle_drained(Now now, ConnId conn) override;
  void handle_timeout(Now now);

  // --- turns and outputs

  void close_doomed(Now now);
  std::optional<LinkAction> poll_link() { return table_.poll_link(now_); }
  // Of the turn that ended last.
  Now now() const { return now_; }
  std::optional<TimePoint> next_timeout() const;

 private:
  bool may_accept(const Candidate& remote);
  Connection& add_accepted(Now now, const Candidate& remote);
  void note_proven(Connection& connection);
  void count_unproven_out(Connection& connection);
  void drain_stream(Now now, Connection& connection);
  void stream_opened(Now now, Connection& connection);
  void close(Now now, ConnId conn, std::error_code error, const std::string& reason,
             bool link_gone);
  void bound_unfinished(Connection& fresh);

  const KeyPair& identity_;
  const PendingHellos& pending_;
  Random& random_;
  StreamPolicy& policy_;
  ConnectionTable table_;
  Channels channels_{table_};
  std::map<std::uint32_t, std::size_t> unproven_;  // by address
  std::size_t unproven_total_ = 0;
  ConnectionCounters counters_;
  Now now_;  // of the last turn
  bool stopped_ = false;
};

}  // namespace cip::overlay
