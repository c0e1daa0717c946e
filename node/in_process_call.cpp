#include "node/in_process_call.hpp"

#include <asio/post.hpp>

#include "node/frame.hpp"

namespace cip::node {

InProcessCall::InProcessCall(asio::io_context& io, Service& service, Request request,
                             Handler& handler)
    : io_(io), service_(service), request_(std::move(request)), handler_(handler) {}

void InProcessCall::start(OnEnd on_end, std::function<void()> on_input_room) {
  on_end_ = std::move(on_end);
  on_input_room_ = std::move(on_input_room);
  running_ = std::make_unique<RunningCall>(io_, service_, request_, *this);
  if (on_input_room_) on_input_room_();
}

void InProcessCall::send_input(ByteView bytes) {
  unread_ += bytes.size();
  if (running_) running_->input(bytes);
}

void InProcessCall::send_input_end() {
  if (running_) running_->input_end();
}

void InProcessCall::send_input_error(Error error) {
  if (running_) running_->input_error(std::move(error));
}

std::size_t InProcessCall::input_room() const {
  return unread_ < kStreamCredit ? kStreamCredit - unread_ : 0;
}

void InProcessCall::cancel() {
  running_.reset();
  end(std::nullopt);
}

void InProcessCall::close() {
  on_end_ = nullptr;
  on_input_room_ = nullptr;
  running_.reset();
}

void InProcessCall::result(const Json& object) {
  if (refused_) return;
  handler_.on_result(object);
  ++put_;
  handed_over();
}

void InProcessCall::data(ByteView bytes) {
  if (refused_) return;
  handler_.on_data(bytes);
  put_ += bytes.size();
  handed_over();
}

void InProcessCall::handed_over() {
  if (handler_.wants_more()) {
    taken_ = put_;
    return tell_room();
  }
  refused_ = true;
  // The operation is in the middle of a call.
  asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) cancel();
  });
}

// Printing blocks, so nothing piles up; but the loop should turn between two pieces of this size.
std::size_t InProcessCall::room() const { return telling_room_ ? 0 : kStreamCredit; }

void InProcessCall::tell_room() {
  if (std::exchange(telling_room_, true)) return;
  asio::post(io_, [this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    telling_room_ = false;
    if (running_) running_->room();
  });
}

void InProcessCall::consumed(std::size_t bytes) {
  unread_ -= std::min(bytes, unread_);
  if (on_input_room_) on_input_room_();
}

void InProcessCall::end(std::optional<Error> error) {
  if (running_) running_->ended();
  asio::post(io_, [this, alive = std::weak_ptr(alive_), error = std::move(error)] {
    if (alive.expired()) return;
    running_.reset();
    if (const auto on_end = std::exchange(on_end_, nullptr)) on_end(error);
  });
}

}  // namespace cip::node
