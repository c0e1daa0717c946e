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
constexpr Duration kControlAcceptPause = std::chrono::milliseconds(50);
// A node that was killed may let its lock go a moment before its socket.
constexpr int kKnocks = 25;
constexpr Duration kKnockPause = std::chrono::milliseconds(20);

// The codes of this Asio's own category are equal to no std::errc.
std::error_code plain(std::error_code error) { return {error.value(), std::generic_category()}; }

tl::unexpected<Error> not_made(const HomePaths& paths, std::error_code error) {
  const auto message = fmt::format("cannot make {}: {}", paths.socket.string(), error.message());
  if (error == std::errc::no_space_on_device) {
    return fail_with(ExitCode::full, message, "free some space");
  }
  if (error == std::errc::too_many_files_open) {
    return tl::unexpected(error_from(error, fmt::format("making {}", paths.socket.string())));
  }
  const auto code = exit_code_of_problem(error.value());
  return fail_with(code == ExitCode::internal ? ExitCode::usage : code, message,
                   "choose another directory with --home DIR or CIPNODE_HOME");
}

// What a program that would connect is told. Does not wait where many do.
std::error_code knock(asio::io_context& io, const HomePaths& paths) {
  const SocketAddress address(paths.socket);
  FrameSocket::Socket socket(io);
  std::error_code error;
  socket.open({}, error);
  if (!error) socket.non_blocking(true, error);
  if (!error) socket.connect(address.endpoint(), error);
  return plain(error);
}

// Takes away the socket that a node left, and nothing else of this name.
Outcome<void> clear_place(asio::io_context& io, const HomePaths& paths) {
  struct stat info {};
  if (::lstat(paths.socket.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return fail_with(ExitCode::refused,
                     fmt::format("{} is no socket, and not of a node", paths.socket.string()),
                     "move it away, or choose another directory with --home DIR or CIPNODE_HOME");
  }
  auto answer = knock(io, paths);
  for (int knocks = 1; !answer && knocks < kKnocks; ++knocks) {
    asio::steady_timer pause(io, kKnockPause);
    pause.wait();
    answer = knock(io, paths);
  }
  if (answer == std::errc::no_such_file_or_directory) return {};
  if (answer == std::errc::too_many_files_open) return not_made(paths, answer);
  if (answer == std::errc::connection_refused) {
    ::unlink(paths.socket.c_str());
    return {};
  }
  return fail_with(ExitCode::busy,
                   fmt::format("another program uses the socket {}", paths.socket.string()),
                   "end it, or choose another directory with --home DIR or CIPNODE_HOME");
}

}  // namespace

class ControlServer::Impl : public std::enable_shared_from_this<ControlServer::Impl> {
 public:
  Impl(asio::io_context& io, const HomePaths& paths, Service& service, Duration patience)
      : io_(io), paths_(paths), service_(service), patience_(patience), acceptor_(io), pause_(io) {}

  std::error_code listen() {
    const SocketAddress address(paths_.socket);
    std::error_code error;
    acceptor_.open({}, error);
    if (!error) {
      // The mode of the file is what keeps others out from the very first moment.
      const auto mask = ::umask(0177);
      acceptor_.bind(address.endpoint(), error);
      ::umask(mask);
    }
    if (!error) is_made_ = ::lstat(paths_.socket.c_str(), &made_) == 0;
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    return plain(error);
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
    remove_socket();
    for (const auto& connection : connections_) connection->close();
    connections_.clear();
  }

  const auto& connections() const { return connections_; }

 private:
  // Another program may have put its own in this place.
  void remove_socket() {
    struct stat there {};
    if (!is_made_ || ::lstat(paths_.socket.c_str(), &there) != 0) return;
    const bool is_own = there.st_dev == made_.st_dev && there.st_ino == made_.st_ino;
    if (is_own) ::unlink(paths_.socket.c_str());
  }

  void accept_later() {
    pause_.expires_after(kControlAcceptPause);
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
  struct stat made_ {};  // the socket file
  bool is_made_ = false;
  std::set<std::shared_ptr<ControlConnection>> connections_;
};

Outcome<std::unique_ptr<ControlServer>> ControlServer::open(asio::io_context& io,
                                                            const HomePaths& paths,
                                                            Service& service, Duration patience) {
  if (auto cleared = clear_place(io, paths); !cleared) return tl::unexpected(cleared.error());
  auto impl = std::make_shared<Impl>(io, paths, service, patience);
  if (const auto error = impl->listen()) return not_made(paths, error);
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
