#pragma once

// The connections of one participant by number, and what waits for the driver: which links to open
// and close, and which streams have bytes to send. The ground that Connections (links and streams)
// and Channels (protocols) stand on.

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/crypto.hpp"
#include "base/time.hpp"
#include "overlay/connection.hpp"
#include "overlay/transport/link.hpp"

namespace cip::overlay {

// One open stream, for status.
struct StreamStatus {
  StreamInfo stream;
  TimePoint since{};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::size_t channels = 0;
};

class ConnectionTable {
 public:
  using Map = std::map<ConnId, std::unique_ptr<Connection>>;

  Connection& add(Now now, const Candidate& remote, bool outgoing);
  // Null: there is none.
  std::unique_ptr<Connection> remove(ConnId conn);
  Connection* find(ConnId conn) const;
  const Map& all() const { return connections_; }

  // It is closed when the turn ends; `reason` is counted.
  void doom(Connection& connection, std::error_code error, std::string reason);
  // The next that is doomed, latest first; null: none.
  Connection* next_doomed();
  bool has_doomed() const { return !doomed_.empty(); }

  // It has something to flush, or to write.
  void mark(Connection& connection);
  // Tells the driver to stop reading, or to go on, should that have changed.
  void update_hold(Connection& connection);
  void act(LinkAction action) { actions_.push_back(std::move(action)); }
  // The end of a turn: what its messages made becomes output of the links.
  void gather_output();
  std::optional<LinkAction> poll_link(Now now);

  std::vector<StreamStatus> streams() const;
  // The latest one, should there be two for a moment.
  std::optional<StreamInfo> stream_to(const PublicKey& peer) const;
  std::size_t open_streams() const;

 private:
  Map connections_;
  ConnId next_conn_ = 1;
  std::vector<ConnId> dirty_;
  std::vector<ConnId> doomed_;
  std::deque<LinkAction> actions_;
  std::deque<ConnId> outputs_;  // with bytes to be taken
};

}  // namespace cip::overlay
