#include "node/ask_running.hpp"

#include "node/clock.hpp"
#include "node/control_client.hpp"

namespace cip::node {

void ask_running_node(const std::filesystem::path& home, const Request& request, Duration patience,
                      Handler& handler) {
  const auto end = now().mono + patience;
  const HomePaths paths(home);
  if (!check_home_owner(paths)) return;
  const auto holder = lock_holder(paths);
  if (!holder || holder->state != HomeState::running) return;
  asio::io_context io(1);
  const auto call = ControlCall::connect(io, paths, request, handler);
  if (!call) return;
  bool ended = false;
  (*call)->start([&](const std::optional<Error>&) { ended = true; }, [] {});
  while (!ended && now().mono < end && io.run_one_for(end - now().mono) > 0) {
  }
  (*call)->close();
}

}  // namespace cip::node
