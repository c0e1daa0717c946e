#pragma once

// Sees that the home of a running node was removed. What the node writes from then on is in files
// that nobody finds again, and another node could be started beside it.

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "base/time.hpp"
#include "node/home.hpp"

namespace cip::node {

inline constexpr Duration kHomeLook = std::chrono::seconds(2);

class HomeWatch {
 public:
  // `lock` outlives it. `on_gone` comes once.
  HomeWatch(asio::io_context& io, const HomeLock& lock, std::function<void()> on_gone);

 private:
  void look_later();

  const HomeLock& lock_;
  std::function<void()> on_gone_;
  asio::steady_timer timer_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace cip::node
