#include "node/tcp_driver.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <unordered_map>

namespace cip::node {

namespace {

using asio::ip::tcp;

// One read buffer for all connections: a byte is handed up before the next read.
constexpr std::size_t kReadBuffer = 256 * 1024;
// Pieces per system call; the kernel takes 1024.
constexpr std::size_t kMaxPieces = 64;
constexpr Duration kFlushTime = std::chrono::seconds(1);
// A listener that ran out of files tries again after this.
constexpr Duration kPeerAcceptPause = std::chrono::milliseconds(100);
// Connections of one address that are accepted, however few there may be in all.
constexpr std::size_t kLeast = 4;

Endpoint to_endpoint(const tcp::endpoint& endpoint) {
  return {endpoint.address().to_v4().to_uint(), endpoint.port()};
}

}  // namespace

class TcpDriver::Impl : public std::enable_shared_from_this<TcpDriver::Impl> {
 public:
  Impl(asio::io_context& io, Callbacks callbacks, std::size_t most)
      : io_(io), callbacks_(std::move(callbacks)), most_(most), buffer_(kReadBuffer) {}

  struct Connection : std::enable_shared_from_this<Connection> {
    Connection(ConnectionId number, tcp::socket owned)
        : id(number), socket(std::move(owned)), timer(socket.get_executor()) {}

    ConnectionId id;
    tcp::socket socket;
    asio::steady_timer timer;  // of the dial, later of the last flush
    TcpConnectionInfo info;
    std::deque<Bytes> outgoing;
    std::size_t sent_of_first = 0;
    std::size_t unsent = 0;
    bool accepted = false;
    bool open = false;
    bool reading = false;
    bool writing = false;  // waits for the socket to take more
    bool held = false;
    bool was_full = false;
    bool closing = false;
  };
  using Ptr = std::shared_ptr<Connection>;

  std::size_t accept(const std::shared_ptr<tcp::acceptor>& acceptor) {
    acceptors_.push_back(acceptor);
    accept_next(acceptor);
    return acceptors_.size() - 1;
  }

  void stop_accepting(std::size_t listener) {
    std::error_code ignored;
    acceptors_[listener]->close(ignored);
  }

  void dial(ConnectionId id, Endpoint to) {
    auto connection = std::make_shared<Connection>(id, tcp::socket(io_));
    connection->info.remote = to;
    connections_[id] = connection;
    ++counters_.dialled;
    if (connections_.size() > most_) return fail_later(connection, asio::error::no_descriptors);
    connection->timer.expires_after(kDialTimeout);
    connection->timer.async_wait([self = weak_from_this(), connection](std::error_code error) {
      const auto driver = self.lock();
      if (driver && !error && !connection->open) {
        driver->fail(connection, asio::error::timed_out);
      }
    });
    connection->socket.async_connect({asio::ip::address_v4(to.ip), to.port},
                                     [self = weak_from_this(), connection](std::error_code error) {
                                       const auto driver = self.lock();
                                       if (driver && driver->holds(connection))
                                         driver->dialled(connection, error);
                                     });
  }

  void write(ConnectionId id, Bytes bytes) {
    const auto connection = find(id);
    if (!connection || connection->closing || bytes.empty()) return;
    connection->unsent += bytes.size();
    connection->outgoing.push_back(std::move(bytes));
    connection->was_full = connection->was_full || connection->unsent >= kTcpHighWater;
    if (connection->open && !connection->writing) flush(connection);
  }

  void close(ConnectionId id) {
    const auto connection = find(id);
    if (!connection) return;
    if (!connection->open || connection->outgoing.empty()) return drop(connection);
    connection->closing = true;
    connection->timer.expires_after(kFlushTime);
    connection->timer.async_wait([self = weak_from_this(), connection](std::error_code error) {
      const auto driver = self.lock();
      if (driver && !error) driver->drop(connection);
    });
  }

  void hold_reading(ConnectionId id, bool held) {
    const auto connection = find(id);
    if (!connection) return;
    connection->held = held;
    if (connection->open) read(connection);
  }

  void close_all() {
    for (const auto& acceptor : acceptors_) {
      std::error_code ignored;
      acceptor->close(ignored);
    }
    for (const auto& [id, connection] : connections_) {
      std::error_code ignored;
      connection->timer.cancel();
      connection->socket.close(ignored);
    }
    connections_.clear();
  }

  Ptr find(ConnectionId id) const {
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : found->second;
  }
  std::size_t count() const { return connections_.size(); }
  const TcpCounters& counters() const { return counters_; }

 private:
  bool holds(const Ptr& connection) const { return find(connection->id) == connection; }

  void accept_next(const std::shared_ptr<tcp::acceptor>& acceptor) {
    acceptor->async_accept(
        [self = weak_from_this(), acceptor](std::error_code error, tcp::socket socket) {
          const auto driver = self.lock();
          if (!driver || !acceptor->is_open()) return;
          if (error) return driver->pause_accepting(acceptor);
          driver->add(std::move(socket));
          driver->accept_next(acceptor);
        });
  }

  void pause_accepting(const std::shared_ptr<tcp::acceptor>& acceptor) {
    auto timer = std::make_shared<asio::steady_timer>(io_, kPeerAcceptPause);
    timer->async_wait([self = weak_from_this(), acceptor, timer](std::error_code) {
      const auto driver = self.lock();
      if (driver && acceptor->is_open()) driver->accept_next(acceptor);
    });
  }

  void add(tcp::socket socket) {
    std::error_code error;
    const auto remote = to_endpoint(socket.remote_endpoint(error));
    if (error) return;
    if (!may_accept(remote)) {
      ++counters_.refused;
      return;
    }
    const auto id = callbacks_.accepted(remote);
    if (!id) return;
    ++counters_.accepted;
    auto connection = std::make_shared<Connection>(*id, std::move(socket));
    connection->accepted = true;
    connection->info.remote = remote;
    connections_[*id] = connection;
    opened(connection);
  }

  bool may_accept(Endpoint remote) const {
    const auto most = most_ - most_ / 4;
    const auto most_of_one = remote.realm() == Realm::loopback ? most : std::max(most / 4, kLeast);
    std::size_t all = 0, of_one = 0;
    for (const auto& [id, connection] : connections_) {
      if (!connection->accepted) continue;
      ++all;
      of_one += connection->info.remote.ip == remote.ip ? 1 : 0;
    }
    return all < most && of_one < most_of_one && connections_.size() < most_;
  }

  void dialled(const Ptr& connection, std::error_code error) {
    if (error) return fail(connection, error);
    opened(connection);
    callbacks_.connected(connection->id);
  }

  void opened(const Ptr& connection) {
    connection->open = true;
    connection->timer.cancel();
    std::error_code ignored;
    connection->socket.set_option(tcp::no_delay(true), ignored);
    connection->socket.non_blocking(true, ignored);
    flush(connection);
    read(connection);
  }

  void read(const Ptr& connection) {
    if (connection->reading || connection->held || connection->closing) return;
    connection->reading = true;
    connection->socket.async_wait(
        tcp::socket::wait_read, [self = weak_from_this(), connection](std::error_code error) {
          const auto driver = self.lock();
          if (!driver) return;
          connection->reading = false;
          if (!driver->holds(connection) || error == asio::error::operation_aborted) return;
          driver->receive(connection, error);
        });
  }

  void receive(const Ptr& connection, std::error_code error) {
    if (connection->held || connection->closing) return;
    std::size_t size = 0;
    if (!error) size = connection->socket.read_some(asio::buffer(buffer_), error);
    if (error == asio::error::would_block) return read(connection);
    if (error) return fail(connection, error);
    connection->info.bytes_in += size;
    counters_.bytes_in += size;
    callbacks_.received(connection->id, MutableByteView(buffer_).first(size));
    if (holds(connection)) read(connection);
  }

  // Writes until the queue is empty or the socket takes no more.
  void flush(const Ptr& connection) {
    while (!connection->outgoing.empty()) {
      const auto error = write_some(*connection);
      if (error == asio::error::would_block) return wait_for_room(connection);
      if (error) return fail_later(connection, error);
    }
    if (connection->closing) drop(connection);
  }

  std::error_code write_some(Connection& connection) {
    std::array<iovec, kMaxPieces> pieces;
    std::size_t count = 0;
    std::size_t skip = connection.sent_of_first;
    for (auto& piece : connection.outgoing) {
      if (count == kMaxPieces) break;
      pieces[count++] = {piece.data() + skip, piece.size() - skip};
      skip = 0;
    }
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = count;
    const auto n =
        ::sendmsg(connection.socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return {errno, asio::error::get_system_category()};
    took(connection, static_cast<std::size_t>(n));
    return {};
  }

  void took(Connection& connection, std::size_t bytes) {
    connection.info.bytes_out += bytes;
    counters_.bytes_out += bytes;
    connection.unsent -= bytes;
    bytes += connection.sent_of_first;
    while (!connection.outgoing.empty() && bytes >= connection.outgoing.front().size()) {
      bytes -= connection.outgoing.front().size();
      connection.outgoing.pop_front();
    }
    connection.sent_of_first = bytes;
  }

  void wait_for_room(const Ptr& connection) {
    connection->writing = true;
    connection->socket.async_wait(tcp::socket::wait_write,
                                  [self = weak_from_this(), connection](std::error_code error) {
                                    const auto driver = self.lock();
                                    if (!driver) return;
                                    connection->writing = false;
                                    if (!driver->holds(connection)) return;
                                    if (error) return driver->fail(connection, error);
                                    driver->flush(connection);
                                    driver->tell_drained(connection);
                                  });
  }

  void tell_drained(const Ptr& connection) {
    if (!connection->was_full || connection->unsent > kTcpHighWater / 2) return;
    connection->was_full = false;
    if (holds(connection) && !connection->closing) callbacks_.drained(connection->id);
  }

  // The owner is in the middle of its own call: it hears of the end afterwards.
  void fail_later(const Ptr& connection, std::error_code error) {
    asio::post(io_, [self = weak_from_this(), connection, error] {
      if (const auto driver = self.lock()) driver->fail(connection, error);
    });
  }

  void fail(const Ptr& connection, std::error_code error) {
    if (!holds(connection)) return;
    const bool tell = !connection->closing;
    if (!connection->open) ++counters_.failed_dials;
    drop(connection);
    if (tell) callbacks_.closed(connection->id, error);
  }

  void drop(const Ptr& connection) {
    if (!holds(connection)) return;
    connections_.erase(connection->id);
    connection->timer.cancel();
    std::error_code ignored;
    connection->socket.close(ignored);
  }

  asio::io_context& io_;
  Callbacks callbacks_;
  std::size_t most_;
  Bytes buffer_;
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors_;
  std::unordered_map<ConnectionId, Ptr> connections_;
  TcpCounters counters_;
};

TcpDriver::TcpDriver(asio::io_context& io, Callbacks callbacks, std::size_t most_connections)
    : impl_(std::make_shared<Impl>(io, std::move(callbacks), most_connections)) {}
TcpDriver::~TcpDriver() { impl_->close_all(); }

std::size_t TcpDriver::listen(tcp::acceptor acceptor) {
  return impl_->accept(std::make_shared<tcp::acceptor>(std::move(acceptor)));
}
void TcpDriver::stop_listening(std::size_t listener) { impl_->stop_accepting(listener); }
void TcpDriver::dial(ConnectionId id, Endpoint to) { impl_->dial(id, to); }
void TcpDriver::write(ConnectionId id, Bytes bytes) { impl_->write(id, std::move(bytes)); }
void TcpDriver::close(ConnectionId id) { impl_->close(id); }
void TcpDriver::hold_reading(ConnectionId id, bool held) { impl_->hold_reading(id, held); }
bool TcpDriver::is_full(ConnectionId id) const { return unsent(id) >= kTcpHighWater; }
std::size_t TcpDriver::unsent(ConnectionId id) const {
  const auto connection = impl_->find(id);
  return connection ? connection->unsent : 0;
}
std::optional<TcpConnectionInfo> TcpDriver::info(ConnectionId id) const {
  const auto connection = impl_->find(id);
  return connection ? std::optional(connection->info) : std::nullopt;
}
std::size_t TcpDriver::connections() const { return impl_->count(); }
const TcpCounters& TcpDriver::counters() const { return impl_->counters(); }

}  // namespace cip::node
