#include "node/running_call.hpp"

#include <algorithm>
#include <asio/post.hpp>

namespace cip::node {

Duration timeout_of(const Request& request) {
  if (const auto given = Params(request.params).duration("timeoutMs")) return *given;
  const auto* info = method_info(request.method);
  return info ? info->timeout : Duration::zero();
}

RunningCall::RunningCall(asio::io_context& io, Service& service, const Request& request,
                         Output& out)
    : deadline_(io) {
  if (Params(request.params).flag("verbose")) {
    log_.emplace([&out](const std::string& line) { out.notice(line); });
  }
  auto made = service.make_operation(request, out);
  if (!made) {
    out.fail(std::move(made.error()));
    return;
  }
  operation_ = std::move(*made);
  if (const auto timeout = timeout_of(request); timeout > Duration::zero()) {
    deadline_.expires_after(timeout);
    deadline_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
      if (!error && !alive.expired() && !ended_) operation_->handle_deadline();
    });
  }
  // Not from here: `out` may be told of the end, and must know this object by then.
  asio::post(io, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired() && !ended_) operation_->start();
  });
}

void RunningCall::input(ByteView bytes) {
  if (operation_ && !ended_) operation_->handle_input(bytes);
}

void RunningCall::input_end() {
  if (operation_ && !ended_) operation_->handle_input_end();
}

void RunningCall::input_error(Error error) {
  if (operation_ && !ended_) operation_->handle_input_error(std::move(error));
}

void RunningCall::move() {
  if (operation_ && !ended_) operation_->handle_move();
}

void RunningCall::room() {
  if (operation_ && !ended_) operation_->handle_room();
}

}  // namespace cip::node
