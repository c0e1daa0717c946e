#include "overlay/connection_table.hpp"

#include <algorithm>
#include <utility>

namespace cip::overlay {

Connection& ConnectionTable::add(Now now, const Candidate& remote, bool outgoing) {
  auto connection = std::make_unique<Connection>();
  connection->info.conn = next_conn_++;
  connection->info.remote = remote;
  connection->info.outgoing = outgoing;
  connection->since = now.mono;
  const auto conn = connection->info.conn;
  return *connections_.emplace(conn, std::move(connection)).first->second;
}

std::unique_ptr<Connection> ConnectionTable::remove(ConnId conn) {
  auto node = connections_.extract(conn);
  return node.empty() ? nullptr : std::move(node.mapped());
}

Connection* ConnectionTable::find(ConnId conn) const {
  const auto found = connections_.find(conn);
  return found != connections_.end() ? found->second.get() : nullptr;
}

void ConnectionTable::doom(Connection& connection, std::error_code error, std::string reason) {
  if (std::exchange(connection.doomed, true)) return;
  connection.doom_error = error;
  connection.doom_reason = std::move(reason);
  doomed_.push_back(connection.info.conn);
}

Connection* ConnectionTable::next_doomed() {
  while (!doomed_.empty()) {
    const auto conn = doomed_.back();
    doomed_.pop_back();
    if (auto* connection = find(conn)) return connection;
  }
  return nullptr;
}

void ConnectionTable::mark(Connection& connection) {
  if (!std::exchange(connection.dirty, true)) dirty_.push_back(connection.info.conn);
}

void ConnectionTable::update_hold(Connection& connection) {
  const bool hold = connection.holds > 0 || (connection.mux && connection.mux->wants_pause());
  if (hold == connection.held || connection.doomed) return;
  connection.held = hold;
  act(LinkHold{connection.info.conn, hold});
}

void ConnectionTable::gather_output() {
  for (const auto conn : std::exchange(dirty_, {})) {
    auto* connection = find(conn);
    if (connection == nullptr) continue;
    connection->dirty = false;
    if (connection->mux) connection->mux->flush();
    if (!connection->stream || connection->stream->pending_output() == 0) continue;
    if (!std::exchange(connection->has_output, true)) outputs_.push_back(conn);
  }
}

std::optional<LinkAction> ConnectionTable::poll_link(Now now) {
  if (!actions_.empty()) {
    auto action = std::move(actions_.front());
    actions_.pop_front();
    return action;
  }
  while (!outputs_.empty()) {
    auto* connection = find(outputs_.front());
    outputs_.pop_front();
    if (connection == nullptr) continue;
    connection->has_output = false;
    auto bytes = connection->stream->poll_output(now);
    if (bytes.empty()) continue;
    connection->bytes_out += bytes.size();
    return LinkWrite{connection->info.conn, std::move(bytes)};
  }
  return std::nullopt;
}

std::vector<StreamStatus> ConnectionTable::streams() const {
  std::vector<StreamStatus> out;
  for (const auto& [conn, connection] : connections_) {
    if (!connection->is_open) continue;
    out.push_back({connection->info, connection->since, connection->bytes_in, connection->bytes_out,
                   connection->mux->channel_count()});
  }
  return out;
}

std::optional<StreamInfo> ConnectionTable::stream_to(const PublicKey& peer) const {
  for (auto at = connections_.rbegin(); at != connections_.rend(); ++at) {
    const auto& connection = *at->second;
    if (connection.is_open && !connection.doomed && connection.info.peer == peer) {
      return connection.info;
    }
  }
  return std::nullopt;
}

std::size_t ConnectionTable::open_streams() const {
  const auto is_open = [](const auto& item) { return item.second->is_open; };
  return static_cast<std::size_t>(std::ranges::count_if(connections_, is_open));
}

}  // namespace cip::overlay
