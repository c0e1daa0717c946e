#pragma once

// Tells the service manager that started this node how it is (sd_notify(3)): that it is ready, a
// line about it, that its loop turns, that it ends. Without a manager it does nothing.

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "node/error.hpp"
#include "node/notify_socket.hpp"

namespace cip::node {

// The manager writes the line to its journal of states: no more often than people look.
inline constexpr Duration kStatusEvery = std::chrono::seconds(3);

class Supervision {
 public:
  Supervision(asio::io_context& io, const NotifyWishes& wishes);

  // From now on the loop of `io` is under the eyes of the manager: half of the time that it waits
  // is the pause between two signs of life. `status` gives one line and lives until stopping().
  void ready(std::function<std::string()> status);
  void stopping();
  // The process ends for this.
  void failed(const Error& error);

 private:
  void keep_status();
  void keep_alive();

  NotifySocket socket_;
  std::optional<Duration> pause_;  // between signs of life
  std::function<std::string()> status_;
  std::string unsent_;  // told with the next status: the manager had no room
  std::string told_;
  asio::steady_timer status_timer_, life_timer_;
};

}  // namespace cip::node
