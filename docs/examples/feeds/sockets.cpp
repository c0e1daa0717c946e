#include "sockets.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

using namespace cip;

namespace example {

namespace {

sockaddr_in address_of(Endpoint endpoint) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(endpoint.ip);
  out.sin_port = htons(endpoint.port);
  return out;
}

void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Now now() {
  using std::chrono::duration_cast;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {TimePoint(duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())),
          UnixMillis{
              static_cast<std::uint64_t>(duration_cast<std::chrono::milliseconds>(wall).count())}};
}

Sockets::~Sockets() {
  for (const auto& [conn, connection] : connections_) ::close(connection.fd);
  if (listener_ >= 0) ::close(listener_);
}

int Sockets::listen(std::uint16_t port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  auto at = address_of({INADDR_LOOPBACK, port});
  socklen_t size = sizeof at;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0) return -errno;
  if (::listen(listener_, 16) != 0) return -errno;
  getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
  return ntohs(at.sin_port);
}

void Sockets::turn() {
  hub_.settle(now());  // commands on feeds and downloads since the last turn
  run_actions();
  std::vector<pollfd> waiting;
  std::vector<overlay::ConnId> conns;
  for (const auto& [conn, connection] : connections_) {
    const bool writes = connection.is_connecting || !connection.unsent.empty();
    const bool reads = !connection.is_connecting && !connection.is_held && !connection.is_closing;
    waiting.push_back(
        {connection.fd, static_cast<short>((writes ? POLLOUT : 0) | (reads ? POLLIN : 0)), 0});
    conns.push_back(conn);
  }
  if (listener_ >= 0) waiting.push_back({listener_, POLLIN, 0});
  if (poll(waiting.data(), waiting.size(), patience()) > 0) {
    for (std::size_t i = 0; i < conns.size(); ++i) {
      if (waiting[i].revents != 0) serve(conns[i], waiting[i].revents);
    }
    if (listener_ >= 0 && waiting.back().revents != 0) accept();
  }
  hub_.handle_timeout(now());  // early calls do no harm
  run_actions();
}

// Storage first: what it brings may be what is to be sent.
void Sockets::run_actions() {
  run_storage();
  while (auto action = hub_.poll_link()) {
    std::visit([this](auto& what) { act(what); }, *action);
    run_storage();
  }
}

// A program that must not wait for the disk hands these to threads and brings the results back.
void Sockets::run_storage() {
  while (auto op = hub_.poll_store_op()) {
    store::StoreResult result;
    if (const auto* read = std::get_if<store::ReadOp>(&op->op)) {
      result = backend_.read(*read);
    } else if (const auto done = backend_.commit(*std::get<store::CommitPtr>(op->op)); !done) {
      result = tl::make_unexpected(done.error());
    }
    hub_.handle_store_done(now(), op->feed(), op->id, std::move(result));
  }
}

void Sockets::act(const overlay::LinkOpen& open) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto to = address_of(open.to.address);
  connections_[open.conn] = {.fd = fd, .is_connecting = true, .unsent = {}};
  // How it ends is seen when the socket becomes writable.
  (void)connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

void Sockets::act(overlay::LinkWrite& write) {
  const auto found = connections_.find(write.conn);
  if (found == connections_.end()) return;
  auto& unsent = found->second.unsent;
  unsent.insert(unsent.end(), write.bytes.begin(), write.bytes.end());
  if (!found->second.is_connecting) send(write.conn, found->second);
}

void Sockets::act(const overlay::LinkClose& close) {
  const auto found = connections_.find(close.conn);
  if (found == connections_.end()) return;
  found->second.is_closing = true;
  if (found->second.unsent.empty()) drop(close.conn, false);
}

void Sockets::act(const overlay::LinkHold& hold) {
  const auto found = connections_.find(hold.conn);
  if (found != connections_.end()) found->second.is_held = hold.held;
}

void Sockets::accept() {
  sockaddr_in from{};
  socklen_t size = sizeof from;
  const int fd =
      accept4(listener_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  set_no_delay(fd);
  const auto conn = hub_.handle_accepted(
      now(), overlay::tcp_candidate({ntohl(from.sin_addr.s_addr), ntohs(from.sin_port)}));
  if (conn == 0) {
    ::close(fd);  // the hub has too many that have not proven themselves
  } else {
    connections_[conn] = {.fd = fd, .unsent = {}};
  }
}

void Sockets::serve(overlay::ConnId conn, short events) {
  const auto found = connections_.find(conn);
  if (found == connections_.end()) return;
  auto& connection = found->second;
  if (connection.is_connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return drop(conn, true);
    connection.is_connecting = false;
    set_no_delay(connection.fd);
    hub_.handle_connected(now(), conn);
  } else if ((events & POLLOUT) != 0) {
    send(conn, connection);
  } else {
    receive(conn, connection);
  }
}

void Sockets::send(overlay::ConnId conn, Connection& connection) {
  auto& unsent = connection.unsent;
  const bool was_full = unsent.size() > kHighWater;
  const auto n = ::send(connection.fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) return drop(conn, !connection.is_closing);
  if (n > 0) unsent.erase(unsent.begin(), unsent.begin() + n);
  if (unsent.empty() && connection.is_closing) return drop(conn, false);
  if (unsent.size() > kHighWater) hub_.handle_full(conn);
  if (was_full && unsent.size() <= kHighWater) hub_.handle_drained(now(), conn);
}

void Sockets::receive(overlay::ConnId conn, Connection& connection) {
  Bytes buffer(256 << 10);
  const auto n = recv(connection.fd, buffer.data(), buffer.size(), 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return drop(conn, !connection.is_closing);
  hub_.handle_bytes(now(), conn, MutableByteView(buffer).first(static_cast<std::size_t>(n)));
}

void Sockets::drop(overlay::ConnId conn, bool tell) {
  ::close(connections_.at(conn).fd);
  connections_.erase(conn);
  if (tell) hub_.handle_closed(now(), conn, std::make_error_code(std::errc::connection_reset));
}

// Milliseconds until the hub has something to do; -1: it waits for a socket alone.
int Sockets::patience() const {
  const auto due = hub_.next_timeout();
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now().mono).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000));
}

}  // namespace example
