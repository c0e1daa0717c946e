#pragma once

// A request at the node of a home, whichever that is: when the node makes way for a `join`, the
// request goes on at the new one (node/continuation.hpp).

#include <asio/steady_timer.hpp>
#include <deque>

#include "node/attachment.hpp"
#include "node/continuation.hpp"

namespace cip::node {

class HomeCall final : public ActiveCall, private Handler {
 public:
  // All outlive it.
  HomeCall(asio::io_context& io, const ServiceOptions& options, Request request, Handler& handler);

  // Finds a node to ask, before start(). Blocks. Gives the error or the signal that came instead.
  RunResult attach();

  void start(OnEnd on_end, std::function<void()> on_input_room) override;
  void send_input(ByteView bytes) override;
  void send_input_end() override;
  void send_input_error(Error error) override;
  std::size_t input_room() const override;
  void cancel() override;
  void close() override;
  void ask_if_awake() override;
  bool is_awake() const override { return call_ && call_->is_awake(); }

 private:
  // --- Handler of the call at the node of the moment
  void on_result(const Json& object) override;
  void on_data(ByteView bytes) override;
  bool wants_more() const override { return handler_.wants_more(); }
  void on_progress(const Json& object) override { handler_.on_progress(object); }
  void on_notice(std::string_view sentence) override { handler_.on_notice(sentence); }

  void start_call();
  void handle_room();
  void handle_end(std::optional<Error> error);
  bool has_another_node() const;
  // The error that remains when the request cannot go on elsewhere.
  std::optional<Error> prepare_next(const std::optional<Error>& lost);
  void put_before_input(ByteView rest);
  void look_for_node();
  void end(std::optional<Error> error);

  asio::io_context& io_;
  const ServiceOptions& options_;
  Handler& handler_;
  HomePaths paths_;
  Request request_;
  Continuation continuation_;
  TimePoint begun_;
  std::shared_ptr<ControlCall> call_;
  pid_t node_ = 0;  // that the call is, or was last, at
  std::optional<Attachment> attachment_;
  asio::steady_timer timer_;
  OnEnd on_end_;
  std::function<void()> on_input_room_;
  // Input that no node has dealt with: it is sent again when the request begins again. With what a
  // node hands on it may exceed the credit of the next one, by one message or block.
  std::deque<Bytes> unconsumed_;
  std::size_t unconsumed_bytes_ = 0;
  bool input_ended_ = false;
  std::optional<Error> input_error_;  // it broke off
  bool resend_ = false;
  bool cancelled_ = false;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
