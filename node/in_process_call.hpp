#pragma once

// A request run by a node of this very process (--no-daemon).

#include <asio/io_context.hpp>
#include <memory>

#include "node/active_call.hpp"
#include "node/running_call.hpp"

namespace cip::node {

class InProcessCall final : public ActiveCall, public Output {
 public:
  // All outlive the call.
  InProcessCall(asio::io_context& io, Service& service, Request request, Handler& handler);

  void start(OnEnd on_end, std::function<void()> on_input_room) override;
  void send_input(ByteView bytes) override;
  void send_input_end() override;
  void send_input_error(Error error) override;
  std::size_t input_room() const override;
  void cancel() override;
  void close() override;

 private:
  void result(const Json& object) override;
  void data(ByteView bytes) override;
  void progress(const Json& object) override { handler_.on_progress(object); }
  void notice(const std::string& sentence) override { handler_.on_notice(sentence); }
  // Nobody takes over from a process that ends with its command.
  void position(const Json&) override {}
  std::size_t room() const override;
  // Printing is over when the handler returns, unless it wants no more.
  std::uint64_t put() const override { return put_; }
  std::uint64_t taken() const override { return taken_; }
  void consumed(std::size_t bytes) override;
  void done() override { end(std::nullopt); }
  void fail(Error error) override { end(std::move(error)); }

  void end(std::optional<Error> error);
  // After something was handed over: goes on, or ends the request.
  void handed_over();
  // What was put out has been printed; the operation hears of it as it would over a socket.
  void tell_room();

  asio::io_context& io_;
  Service& service_;
  Request request_;
  Handler& handler_;
  OnEnd on_end_;
  std::function<void()> on_input_room_;
  std::unique_ptr<RunningCall> running_;
  std::uint64_t put_ = 0;
  std::uint64_t taken_ = 0;
  bool refused_ = false;    // the handler wants no more
  std::size_t unread_ = 0;  // input that the operation has not consumed
  bool telling_room_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
