#pragma once

// Runs one ActiveCall to its end on the calling thread: input from a descriptor, SIGINT and
// SIGTERM, the deadline.

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <memory>

#include "node/active_call.hpp"
#include "node/input_reader.hpp"
#include "node/service.hpp"
#include "node/signal_watch.hpp"

namespace cip::node {

// After the first signal a call has this long to end by itself.
inline constexpr Duration kGoodbyeTime = std::chrono::milliseconds(1500);
// The node keeps to the deadline itself and says what it knows then; the caller waits a little
// longer, unless the node has not answered so long before the deadline.
inline constexpr Duration kDeadlineGrace = std::chrono::seconds(2);
inline constexpr Duration kWakeTime = std::chrono::milliseconds(300);

// What is said when input ends in an error: usage for what can never be read, else internal.
Error unreadable_input(std::error_code reason);

// Writing to a pipe that nobody reads is an error of that write, not the end of the process.
void ignore_sigpipe();

class CallRunner {
 public:
  CallRunner(asio::io_context& io, int input_fd, Duration timeout);
  // Runs `io` until the call has ended; `call` is closed then.
  RunResult run(ActiveCall& call);

 private:
  void watch_deadline(ActiveCall& call);
  void wait(Duration time, std::function<void()> then);
  void time_out();
  void feed(ActiveCall& call);
  void stop(ActiveCall& call, int signal);

  asio::io_context& io_;
  int input_fd_;
  Duration timeout_;
  std::unique_ptr<InputReader> input_;
  bool input_ended_ = false;
  asio::steady_timer timer_;
  RunResult result_;
  bool ended_ = false;
};

}  // namespace cip::node
