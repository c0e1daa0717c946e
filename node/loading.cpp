#include "node/loading.hpp"

#include <asio/post.hpp>
#include <utility>

namespace cip::node {

namespace {

class Deferred final : public Operation {
 public:
  Deferred(Loading& loading, std::unique_ptr<Operation> operation, Output& out)
      : Operation(out), loading_(loading), operation_(std::move(operation)) {}

  void start() override {
    loading_.when_done([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) operation_->start();
    });
  }
  void handle_input(ByteView bytes) override { operation_->handle_input(bytes); }
  void handle_input_end() override { operation_->handle_input_end(); }
  void handle_input_error(Error error) override {
    operation_->handle_input_error(std::move(error));
  }
  void handle_room() override { operation_->handle_room(); }
  void handle_move() override { operation_->handle_move(); }
  void handle_deadline() override {
    if (loading_.is_done()) return operation_->handle_deadline();
    out_.fail({ExitCode::timeout, "the node is still loading what its home holds",
               "try again, or allow more with --timeout DURATION"});
  }

 private:
  Loading& loading_;
  std::unique_ptr<Operation> operation_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

Loading::Loading(asio::io_context& io) : state_(std::make_shared<State>()) {
  root_ = std::shared_ptr<void>(nullptr, [&io, weak = std::weak_ptr(state_)](void*) {
    if (weak.expired()) return;
    asio::post(io, [weak] {
      const auto state = weak.lock();
      if (!state) return;
      state->done = true;
      for (const auto& then : std::exchange(state->waiting, {})) then();
    });
  });
}

void Loading::when_done(std::function<void()> then) {
  if (state_->done) return then();
  state_->waiting.push_back(std::move(then));
}

std::unique_ptr<Operation> start_when_loaded(Loading& loading, std::unique_ptr<Operation> operation,
                                             Output& out) {
  if (loading.is_done()) return operation;
  return std::make_unique<Deferred>(loading, std::move(operation), out);
}

}  // namespace cip::node
