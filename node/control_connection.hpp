#pragma once

// One client of the control service.

#include <asio/steady_timer.hpp>
#include <functional>
#include <map>

#include "node/frame_socket.hpp"
#include "node/running_call.hpp"

namespace cip::node {

class ControlConnection : public std::enable_shared_from_this<ControlConnection> {
 public:
  ControlConnection(asio::io_context& io, FrameSocket::Socket socket, Service& service);
  ~ControlConnection();

  // `on_closed` comes once, when the client went away, broke the protocol, or made no request for
  // so long.
  void start(Duration patience, std::function<void()> on_closed);
  // Says why to a client that is not let in.
  static void refuse(FrameSocket::Socket socket, const Error& error);
  void close();
  // The node makes way for another: each request says where it stands.
  void move();
  std::size_t requests() const { return calls_.size(); }
  // Those among them that change something.
  std::size_t changes() const;

 private:
  class Call;

  void handle(const Frame& frame);
  void handle_json(const Json& message);
  void handle_hello(const Json& message);
  void handle_request(const Json& message);
  void handle_notification(const std::string& method, const Json& params);
  void respond_error(const Json& id, const Error& error);
  void forget(std::uint32_t id);

  asio::io_context& io_;
  std::shared_ptr<FrameSocket> socket_;
  Service& service_;
  std::map<std::uint32_t, std::unique_ptr<Call>> calls_;
  std::function<void()> on_closed_;
  bool greeted_ = false;
  asio::steady_timer idle_;  // until the first request
};

}  // namespace cip::node
