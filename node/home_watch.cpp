#include "node/home_watch.hpp"

#include <utility>

namespace cip::node {

HomeWatch::HomeWatch(asio::io_context& io, const HomeLock& lock, std::function<void()> on_gone)
    : lock_(lock), on_gone_(std::move(on_gone)), timer_(io) {
  look_later();
}

void HomeWatch::look_later() {
  timer_.expires_after(kHomeLook);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](std::error_code error) {
    if (error || alive.expired()) return;
    if (!lock_.is_removed()) return look_later();
    on_gone_();
  });
}

}  // namespace cip::node
