#pragma once

// Whether what a home holds is loaded: until then an answer could only be "not here", so requests
// wait.

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "node/operation.hpp"

namespace cip::node {

class Loading {
 public:
  explicit Loading(asio::io_context& io);

  // Something is being loaded for as long as somebody holds this.
  std::shared_ptr<void> part() const { return root_; }
  // Everything has begun: loaded once the last part is let go.
  void all_begun() { root_.reset(); }
  bool is_done() const { return state_->done; }
  // Runs it now, or once all is loaded and whoever loaded the last part has returned.
  void when_done(std::function<void()> then);

 private:
  struct State {
    bool done = false;
    std::vector<std::function<void()>> waiting;
  };

  std::shared_ptr<State> state_;
  std::shared_ptr<void> root_;
};

// The operation, started when all is loaded. `loading` outlives it.
std::unique_ptr<Operation> start_when_loaded(Loading& loading, std::unique_ptr<Operation> operation,
                                             Output& out);

}  // namespace cip::node
