#include "node/open_home.hpp"

#include "node/database_keeper.hpp"
#include "node/take_home.hpp"
#include "store/backend.hpp"

namespace cip::node {

namespace {

std::string command_of(const JoinOptions& join, HomeRole role) {
  if (role == HomeRole::joined) {
    return join.ready_fd >= 0 ? "cipnode join --detach" : "cipnode join";
  }
  if (role == HomeRole::in_process) return join.for_command + " --no-daemon";
  return "started for " + join.for_command;
}

}  // namespace

OpenHome::OpenHome(HomePaths home, HomeLock home_lock, Identity own)
    : paths(std::move(home)), lock(std::move(home_lock)), identity(std::move(own)) {}
OpenHome::OpenHome(OpenHome&&) noexcept = default;
OpenHome::~OpenHome() = default;

Outcome<OpenHome> open_home(const JoinOptions& join, HomeRole role, Random& random) {
  HomePaths paths(std::filesystem::absolute(join.home));
  if (auto made = make_home(paths); !made) return tl::unexpected(made.error());
  auto lock = take_home(paths, command_of(join, role), role, join.ready_timeout);
  if (!lock) return tl::unexpected(lock.error());
  auto identity = open_identity(paths, random);
  if (!identity) return tl::unexpected(identity.error());
  OpenHome opened(paths, std::move(*lock), std::move(*identity));
  auto backend = open_database(paths, random);
  if (!backend) return tl::unexpected(backend.error());
  opened.backend = std::move(*backend);
  return opened;
}

}  // namespace cip::node
