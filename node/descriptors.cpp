#include "node/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace cip::node {

namespace {

// The database opens no fewer, whatever it is told.
constexpr std::size_t kLeastDatabase = 20;
constexpr std::size_t kMostDatabase = 256;
// Standard streams, loop, sockets, lock and log, the database's own log and folder: about 24. The
// rest is for commands of the owner.
constexpr std::size_t kOwn = 32;
constexpr std::size_t kLeastStreams = 8;
constexpr std::size_t kMostStreams = 512;
// More than all shares together; a limit may be "none".
constexpr std::size_t kEnough = 4096;

}  // namespace

DescriptorShares share_descriptors(std::size_t limit) {
  const auto database = std::clamp(limit / 4, kLeastDatabase, kMostDatabase);
  const auto taken = database + kOwn;
  const auto left = limit > taken ? limit - taken : 0;
  return {database, std::clamp(left, kLeastStreams, kMostStreams)};
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kEnough / 4;
  const auto wanted = std::min<rlim_t>(limit.rlim_max, kEnough);
  if (limit.rlim_cur < wanted) {
    const auto before = std::exchange(limit.rlim_cur, wanted);
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, kEnough));
}

}  // namespace cip::node
