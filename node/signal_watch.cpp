#include "node/signal_watch.hpp"

namespace cip::node {

SignalWatch::SignalWatch(asio::io_context& io, std::function<void(int)> on_first, Hangup hangup)
    : catcher_(hangup),
      came_(io, signal_descriptor()),
      on_first_(std::make_shared<std::function<void(int)>>(std::move(on_first))) {
  came_.async_wait(asio::posix::stream_descriptor::wait_read,
                   [weak = std::weak_ptr(on_first_)](std::error_code error) {
                     const auto first = weak.lock();
                     if (!error && first) (*first)(caught_signal());
                   });
}

// The descriptor is that of the process.
SignalWatch::~SignalWatch() { came_.release(); }

}  // namespace cip::node
