#include "node/supervision.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace cip::node {

namespace {

// A manager that wants signs of life faster than this would keep the loop from everything else.
constexpr Duration kShortestPause = std::chrono::milliseconds(10);

// A line end would begin another assignment.
std::string status_line(std::string_view text) {
  auto line = escape_for_terminal(text);
  std::ranges::replace(line, '\n', ' ');
  return "STATUS=" + line;
}

}  // namespace

Supervision::Supervision(asio::io_context& io, const NotifyWishes& wishes)
    : socket_(wishes.address), status_timer_(io), life_timer_(io) {
  if (wishes.watchdog) pause_ = std::max(*wishes.watchdog / 2, kShortestPause);
}

void Supervision::ready(std::function<std::string()> status) {
  if (!socket_.is_open()) return;
  status_ = std::move(status);
  unsent_ = "READY=1\n";
  keep_status();
  if (pause_) keep_alive();
}

void Supervision::stopping() {
  status_timer_.cancel();
  status_ = nullptr;
  socket_.send("STOPPING=1\n" + status_line("says goodbye and saves"));
}

void Supervision::failed(const Error& error) {
  const auto hint = error.hint.empty() ? std::string() : fmt::format(" ({})", error.hint);
  socket_.send(status_line(error.message + hint));
}

void Supervision::keep_status() {
  const auto line = status_line(status_());
  if ((!unsent_.empty() || line != told_) && socket_.send(unsent_ + line)) {
    unsent_.clear();
    told_ = line;
  }
  status_timer_.expires_after(kStatusEvery);
  status_timer_.async_wait([this](std::error_code error) {
    if (!error && status_) keep_status();
  });
}

void Supervision::keep_alive() {
  socket_.send("WATCHDOG=1");
  life_timer_.expires_after(*pause_);
  life_timer_.async_wait([this](std::error_code error) {
    if (!error) keep_alive();
  });
}

}  // namespace cip::node
