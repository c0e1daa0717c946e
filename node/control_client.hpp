#pragma once

// One request over a control socket: connects, says hello, sends, hands the answers to a Handler.

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

#include "node/active_call.hpp"
#include "node/frame_socket.hpp"
#include "node/home.hpp"
#include "node/service.hpp"

namespace cip::node {

class ControlCall final : public ActiveCall, public std::enable_shared_from_this<ControlCall> {
 public:
  // Connects to the node of a home. Error no_daemon: nobody answers there. `handler` outlives the
  // call.
  static Outcome<std::shared_ptr<ControlCall>> connect(asio::io_context& io, const HomePaths& paths,
                                                       Request request, Handler& handler);

  ControlCall(FrameSocket::Socket socket, Request request, Handler& handler);

  // A connection that is lost ends with unconfirmed, for a request that changes something.
  void start(OnEnd on_end, std::function<void()> on_input_room) override;
  void send_input(ByteView bytes) override;
  void send_input_end() override;
  void send_input_error(Error error) override;
  std::size_t input_room() const override {
    return accepted_ && input_credit_ > 0 ? static_cast<std::size_t>(input_credit_) : 0;
  }
  void cancel() override;
  void close() override;
  void ask_if_awake() override;
  bool is_awake() const override { return is_awake_; }

  // How a call ended whose node went away.
  enum class Loss {
    none,       // it did not: the end is that of the request
    untouched,  // the node never began to work on the request
    at_work,    // the node may have done a part of it, or all
  };
  Loss loss() const { return loss_; }
  // Input that was sent and that the node has not dealt with.
  std::size_t unconsumed() const {
    return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(kStreamCredit) - input_credit_);
  }
  std::function<void(const Json&)> on_position;

 private:
  void handle(const Frame& frame);
  void handle_json(const Json& message, std::size_t size);
  void handle_notification(const Json& message, std::size_t size);
  void handle_response(const Json& message);
  void give_credit(std::size_t bytes);
  // After something was handed over: takes more of it, or ends the request.
  void handed_over(std::size_t bytes);
  void send_hello();
  void send(const Json& message);
  void lost();
  void end(std::optional<Error> error);

  std::shared_ptr<FrameSocket> socket_;
  Request request_;
  Handler& handler_;
  OnEnd on_end_;
  std::function<void()> on_input_room_;
  std::ptrdiff_t input_credit_ = kStreamCredit;
  Loss loss_ = Loss::none;
  bool refused_ = false;   // the handler wants no more
  bool serves_ = false;    // what it asked for is done, and lasts until the end: nothing is pending
  bool accepted_ = false;  // hello went through, the request is on its way
  bool is_awake_ = false;
};

}  // namespace cip::node
