#include "node/control_server.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <set>

#include "node/control_connection.hpp"
#include "node/store_error.hpp"

namespace cip::node {

namespace {
// Without a descriptor for the next connection the server looks again after this: a failed accept
// comes back at once.
constexpr Duration kAcceptPause = std::chrono::milliseconds(50);
}  // namespace

class ControlServer::Impl : public std::enable_shared_from_this<ControlServer::Impl> {
 public:
  Impl(asio::io_context& io, const HomePaths& paths, Service& service, Duration patience)
      : io_(io), paths_(paths), service_(service), patience_(patience), acceptor_(io), pause_(io) {}

  std::error_code listen() {
    ::unlink(paths_.socket.c_str());
    const SocketAddress address(paths_.socket);
    std::error_code error;
    acceptor_.open({}, error);
    if (!error) {
      // The mode of the file is what keeps others out from the very first moment.
      const auto mask = ::umask(0177);
      acceptor_.bind(address.endpoint(), error);
      ::umask(mask);
    }
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    return error;
  }

  void accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](std::error_code error, FrameSocket::Socket socket) {
          if (!self->acceptor_.is_open()) return;
          if (error) return self->accept_later();
          self->add(std::move(socket));
          self->accept();
        });
  }

  void close() {
    std::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    ::unlink(paths_.socket.c_str());
    for (const auto& connection : connections_) connection->close();
    connections_.clear();
  }

  const auto& connections() const { return connections_; }

 private:
  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (!error && self && self->acceptor_.is_open()) self->accept();
    });
  }

  void add(FrameSocket::Socket socket) {
    if (connections_.size() >= kMaxControlConnections) {
      return ControlConnection::refuse(
          std::move(socket),
          {ExitCode::busy,
           fmt::format("the node has {} control connections already", connections_.size()),
           "end some of the commands that are connected to it, then try again"});
    }
    auto connection = std::make_shared<ControlConnection>(io_, std::move(socket), service_);
    connections_.insert(connection);
    connection->start(patience_, [self = weak_from_this(), weak = std::weak_ptr(connection)] {
      const auto server = self.lock();
      const auto gone = weak.lock();
      if (!server || !gone) return;
      gone->close();
      server->connections_.erase(gone);
    });
  }

  asio::io_context& io_;
  HomePaths paths_;
  Service& service_;
  Duration patience_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::set<std::shared_ptr<ControlConnection>> connections_;
};

Outcome<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& io,
                                                            const HomePaths& paths,
                                                            Service& service, Duration patience) {
  auto impl = std::make_shared<Impl>(io, paths, service, patience);
  if (const auto error = impl->listen()) {
    if (error == std::errc::no_space_on_device) {
      return fail_with(ExitCode::full,
                       fmt::format("cannot make {}: {}", paths.socket.string(), error.message()),
                       "free some space");
    }
    if (error == std::errc::too_many_files_open) {
      return tl::unexpected(error_from(error, fmt::format("making {}", paths.socket.string())));
    }
    return fail_with(ExitCode::usage,
                     fmt::format("cannot make {}: {}", paths.socket.string(), error.message()),
                     "choose another directory with --home DIR or CIPNODE_HOME");
  }
  impl->accept();
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::ControlServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() { impl_->close(); }

void ControlServer::move() {
  for (const auto& connection : impl_->connections()) connection->move();
}

std::size_t ControlServer::changes() const {
  std::size_t sum = 0;
  for (const auto& connection : impl_->connections()) sum += connection->changes();
  return sum;
}

std::size_t ControlServer::requests() const {
  std::size_t sum = 0;
  for (const auto& connection : impl_->connections()) sum += connection->requests();
  return sum;
}

std::size_t ControlServer::connections() const { return impl_->connections().size(); }

}  // namespace cip::node
