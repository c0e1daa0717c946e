#pragma once

// Signals for a loop: see node/signals.hpp.

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "node/signals.hpp"

namespace cip::node {

// Calls back at the first signal.
class SignalWatch {
 public:
  SignalWatch(asio::io_context& io, std::function<void(int)> on_first,
              Hangup hangup = Hangup::ends);
  ~SignalWatch();

 private:
  SignalCatcher catcher_;
  asio::posix::stream_descriptor came_;
  std::shared_ptr<std::function<void(int)>> on_first_;
};

}  // namespace cip::node
