#include "node/take_home.hpp"

#include <asio/steady_timer.hpp>

#include "node/clock.hpp"
#include "node/control_client.hpp"

namespace cip::node {

namespace {

// A node may be opening a large database, or finish what it was writing; whoever started this one
// in the background waits for 60 s.
constexpr Duration kHomePatience = std::chrono::seconds(50);
constexpr Duration kPause = std::chrono::milliseconds(20);
// For the answer to the request to leave.
constexpr auto kAnswerTime = std::chrono::seconds(5);

// Whether the node of the home was reached; it leaves then, unless it has become something else.
bool ask_to_leave(const HomePaths& paths, Duration patience) {
  asio::io_context io(1);
  QuietHandler silent;
  Json params{{"makeWay", true}};
  if (patience > Duration::zero()) params["patienceMs"] = patience / std::chrono::milliseconds(1);
  auto call = ControlCall::connect(io, paths, {"stop", std::move(params)}, silent);
  if (!call) return false;
  bool ended = false;
  (*call)->start([&](const std::optional<Error>&) { ended = true; }, [] {});
  const auto end = std::chrono::steady_clock::now() + kAnswerTime;
  while (!ended && io.run_one_until(end) > 0) {
  }
  (*call)->close();
  return ended;
}

bool stays(const LockHolder& holder, HomeRole wanted) {
  if (holder.state == HomeState::leaving || holder.role == HomeRole::unknown) return false;
  return holder.role != HomeRole::for_command || wanted != HomeRole::joined;
}

}  // namespace

Outcome<HomeLock> take_home(const HomePaths& paths, const std::string& command, HomeRole role,
                            Duration patience) {
  const auto end = now().mono + kHomePatience;
  std::optional<HomeTurn> turn;
  pid_t asked = 0;
  asio::io_context io(1);
  while (true) {
    if (!turn) {
      auto taken = HomeTurn::try_take(paths);
      if (!taken) return tl::unexpected(taken.error());
      if (*taken) turn.emplace(std::move(**taken));
    }
    const auto holder = lock_holder(paths);
    if (holder && stays(*holder, role)) return home_in_use(paths, *holder);
    if (turn && !holder) {
      auto lock = HomeLock::acquire(paths, command, role);
      if (lock || lock.error().code != ExitCode::busy) return lock;
    }
    if (turn && holder && holder->role == HomeRole::for_command && holder->pid != asked &&
        holder->state == HomeState::running && ask_to_leave(paths, patience)) {
      asked = holder->pid;
    }
    if (now().mono >= end) return home_in_use(paths, holder.value_or(LockHolder{}));
    asio::steady_timer pause(io, kPause);
    pause.wait();
  }
}

}  // namespace cip::node
