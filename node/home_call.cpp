#include "node/home_call.hpp"

#include <fmt/format.h>

#include <asio/post.hpp>
#include <csignal>

#include "node/clock.hpp"
#include "node/frame.hpp"

namespace cip::node {

HomeCall::HomeCall(asio::io_context& io, const ServiceOptions& options, Request request,
                   Handler& handler)
    : io_(io),
      options_(options),
      handler_(handler),
      paths_(options.join.home),
      request_(request),
      continuation_(std::move(request)),
      begun_(now().mono),
      timer_(io) {}

RunResult HomeCall::attach() {
  attachment_.emplace(options_, handler_);
  while (true) {
    auto look = attachment_->look(io_, request_, *this);
    RunResult result;
    result.error = std::move(look.error);
    result.signal = look.signal;
    call_ = std::move(look.call);
    if (call_ || result.error || result.signal != 0) return result;
    asio::steady_timer pause(io_, kAttachPause);
    pause.wait();
  }
}

void HomeCall::start(OnEnd on_end, std::function<void()> on_input_room) {
  on_end_ = std::move(on_end);
  on_input_room_ = std::move(on_input_room);
  start_call();
}

void HomeCall::start_call() {
  node_ = lock_holder(paths_).value_or(LockHolder{}).pid;
  call_->on_position = [this](const Json& position) { continuation_.note_position(position); };
  call_->start([this](std::optional<Error> error) { handle_end(std::move(error)); },
               [this] { handle_room(); });
}

void HomeCall::send_input(ByteView bytes) {
  unconsumed_.emplace_back(bytes.begin(), bytes.end());
  unconsumed_bytes_ += bytes.size();
  if (call_ && !resend_) call_->send_input(bytes);
}

void HomeCall::send_input_end() {
  input_ended_ = true;
  if (call_ && !resend_) call_->send_input_end();
}

void HomeCall::send_input_error(Error error) {
  input_error_ = std::move(error);
  if (call_ && !resend_) call_->send_input_error(*input_error_);
}

std::size_t HomeCall::input_room() const { return call_ && !resend_ ? call_->input_room() : 0; }

void HomeCall::cancel() {
  cancelled_ = true;
  if (call_) return call_->cancel();
  end(std::nullopt);
}

void HomeCall::close() {
  on_end_ = nullptr;
  on_input_room_ = nullptr;
  timer_.cancel();
  if (call_) call_->close();
}

void HomeCall::ask_if_awake() {
  if (call_) call_->ask_if_awake();
}

void HomeCall::on_result(const Json& object) {
  if (continuation_.is_repeated(object)) return;
  continuation_.note_result(object);
  handler_.on_result(object);
}

void HomeCall::on_data(ByteView bytes) {
  continuation_.note_data(bytes.size());
  handler_.on_data(bytes);
}

void HomeCall::handle_room() {
  if (resend_ && call_->input_room() > 0) {
    resend_ = false;
    for (const auto& bytes : unconsumed_) call_->send_input(bytes);
    if (input_ended_) call_->send_input_end();
    if (input_error_) call_->send_input_error(*input_error_);
  }
  while (!unconsumed_.empty() &&
         unconsumed_bytes_ - unconsumed_.front().size() >= call_->unconsumed()) {
    unconsumed_bytes_ -= unconsumed_.front().size();
    unconsumed_.pop_front();
  }
  if (on_input_room_) on_input_room_();
}

void HomeCall::handle_end(std::optional<Error> error) {
  const auto loss = call_->loss();
  if (loss == ControlCall::Loss::none || cancelled_) return end(std::move(error));
  if (loss == ControlCall::Loss::at_work) {
    if (!has_another_node()) return end(std::move(error));
    if (continuation_.is_complete()) return end(std::nullopt);
    if (auto left = prepare_next(error)) return end(std::move(left));
  }
  resend_ = true;
  attachment_.emplace(options_, handler_);
  // The call is in the middle of telling its end.
  asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired() || !on_end_) return;
    call_.reset();
    look_for_node();
  });
}

// A `join` that takes a home over has the turn until its node holds the lock.
bool HomeCall::has_another_node() const {
  if (is_turn_taken(paths_)) return true;
  const auto holder = lock_holder(paths_);
  return holder && holder->pid != 0 && holder->pid != node_;
}

std::optional<Error> HomeCall::prepare_next(const std::optional<Error>& lost) {
  const auto* info = method_info(request_.method);
  auto rest = continuation_.take_rest();
  if (info->changes && !info->repeatable && !rest) return lost;
  if (rest) put_before_input(*rest);
  auto next = continuation_.next(now().mono - begun_);
  if (!next) {
    return Error{ExitCode::no_daemon, "the node made way for another while it answered",
                 "ask again: the new one answers from the beginning"};
  }
  request_ = std::move(*next);
  return std::nullopt;
}

// In pieces, as it would have come: a frame has its bound.
void HomeCall::put_before_input(ByteView rest) {
  unconsumed_bytes_ += rest.size();
  while (!rest.empty()) {
    const auto piece = rest.last((rest.size() - 1) % kMaxChunkSize + 1);
    unconsumed_.emplace_front(piece.begin(), piece.end());
    rest = rest.first(rest.size() - piece.size());
  }
}

void HomeCall::look_for_node() {
  auto look = attachment_->look(io_, request_, *this);
  // The signal was for this command: it takes the way of all signals.
  if (look.signal != 0) ::raise(look.signal);
  if (look.error) return end(std::move(look.error));
  if (look.call) {
    call_ = std::move(look.call);
    return start_call();
  }
  timer_.expires_after(kAttachPause);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (!error && !alive.expired() && on_end_) look_for_node();
  });
}

void HomeCall::end(std::optional<Error> error) {
  if (const auto on_end = std::exchange(on_end_, nullptr)) on_end(std::move(error));
}

}  // namespace cip::node
