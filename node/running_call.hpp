#pragma once

// An operation with its deadline and its end: what the control server and the caller in the same
// process have in common.

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <memory>

#include "node/log.hpp"
#include "node/operation.hpp"

namespace cip::node {

// Time a request may take: its `timeoutMs`, else the default of its method. Zero: for ever.
Duration timeout_of(const Request& request);

// Owner of one operation. After done() or fail() went through it the operation gets no more calls.
class RunningCall {
 public:
  // `out` outlives this. The operation is made and started at once; an error goes to `out`.
  RunningCall(asio::io_context& io, Service& service, const Request& request, Output& out);

  void input(ByteView bytes);
  void input_end();
  void input_error(Error error);
  void room();
  void move();
  // The Output says so from its done() and fail(): the operation must not be called again.
  void ended() {
    ended_ = true;
    log_.reset();
  }

 private:
  std::unique_ptr<Operation> operation_;
  // Of a request with `verbose`: what the node logs meanwhile goes out as notices.
  std::optional<LogListener> log_;
  asio::steady_timer deadline_;
  bool ended_ = false;
  // Expires with this object, for handlers that may run after it.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
