#pragma once

// What a node needs of its home before it can work: the lock, the identity, the database.

#include <memory>

#include "node/home.hpp"
#include "node/join_options.hpp"

namespace cip::store {
class Backend;
}

namespace cip::node {

struct OpenHome {
  OpenHome(HomePaths home, HomeLock home_lock, Identity own);
  OpenHome(OpenHome&&) noexcept;
  ~OpenHome();

  HomePaths paths;
  HomeLock lock;
  Identity identity;
  std::unique_ptr<store::Backend> backend;
};

// Takes the home for this process, which others are told as the command that `join` and `role`
// stand for. Each step has its own error: refused (the home of somebody else), busy, corrupt, full,
// incompatible, internal.
Outcome<OpenHome> open_home(const JoinOptions& join, HomeRole role, Random& random);

}  // namespace cip::node
