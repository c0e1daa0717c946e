#include "node/call_runner.hpp"

#include <algorithm>
#include <csignal>

namespace cip::node {

Error unreadable_input(std::error_code reason) {
  const bool never_readable =
      reason == std::errc::is_a_directory || reason == std::errc::bad_file_descriptor;
  return {never_readable ? ExitCode::usage : ExitCode::internal,
          "the input cannot be read: " + reason.message(),
          never_readable
              ? "give a file, a pipe, or </dev/null for nothing"
              : "the input was cut off there; see what of it arrived, then give the rest"};
}

void ignore_sigpipe() { std::signal(SIGPIPE, SIG_IGN); }

CallRunner::CallRunner(asio::io_context& io, int input_fd, Duration timeout)
    : io_(io), input_fd_(input_fd), timeout_(timeout), timer_(io) {}

RunResult CallRunner::run(ActiveCall& call) {
  const SignalWatch signals(io_, [&](int signal) { stop(call, signal); });
  if (timeout_ > Duration::zero()) watch_deadline(call);
  result_.running = true;
  call.start(
      [this](std::optional<Error> error) {
        if (ended_) return;
        result_.error = std::move(error);
        ended_ = true;
      },
      [this, &call] { feed(call); });
  while (!ended_) {
    io_.restart();
    io_.run_one();
  }
  call.close();
  input_.reset();
  return result_;
}

void CallRunner::watch_deadline(ActiveCall& call) {
  const auto before = std::min(timeout_, kWakeTime);
  wait(timeout_ - before, [this, &call, before] {
    if (result_.signal != 0) return;  // the goodbye has the timer
    call.ask_if_awake();
    wait(before, [this, &call] {
      if (result_.signal != 0) return;
      if (!call.is_awake()) return time_out();
      wait(kDeadlineGrace, [this] { time_out(); });
    });
  });
}

void CallRunner::wait(Duration time, std::function<void()> then) {
  timer_.expires_after(time);
  timer_.async_wait([this, then = std::move(then)](std::error_code error) {
    if (!error && !ended_) then();
  });
}

void CallRunner::time_out() {
  result_.error = Error{ExitCode::timeout, "the node did not answer in time",
                        "allow more with --timeout DURATION"};
  ended_ = true;
}

void CallRunner::feed(ActiveCall& call) {
  if (input_fd_ < 0 || input_ended_ || ended_) return;
  if (!input_) {
    input_ = std::make_unique<InputReader>(io_, input_fd_, [this, &call](const auto& bytes) {
      input_ended_ = !bytes || bytes->empty();
      if (!bytes) return call.send_input_error(unreadable_input(bytes.error()));
      if (input_ended_) return call.send_input_end();
      call.send_input(*bytes);
      feed(call);
    });
  }
  input_->request(call.input_room());
}

void CallRunner::stop(ActiveCall& call, int signal) {
  result_.signal = signal;
  wait(kGoodbyeTime, [this] { ended_ = true; });
  call.cancel();
}

}  // namespace cip::node
