#include "store/rocksdb/memory_limit.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace cip::store {

namespace {

constexpr auto kNoLimit = ~std::uint64_t{0};
constexpr std::uint64_t kShares = 16;

// A file that is not there, or says "max", sets no limit.
std::uint64_t number_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::uint64_t value = 0;
  return stream >> value ? value : kNoLimit;
}

std::uint64_t memory_of_machine(const std::filesystem::path& root) {
  std::ifstream stream(root / "proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  return stream >> name >> kib && name == "MemTotal:" ? kib * 1024 : kNoLimit;
}

// A group is bound by those around it too. In a container its path may be that of the machine
// outside, where nothing is found but the mount itself.
std::uint64_t limit_around(const std::filesystem::path& mount, std::filesystem::path group,
                           const char* file) {
  auto least = number_in(mount / file);
  group = group.relative_path();
  while (!group.empty()) {
    least = std::min(least, number_in(mount / group / file));
    group = group.parent_path();
  }
  return least;
}

}  // namespace

std::uint64_t memory_limit(const std::filesystem::path& root) {
  auto least = memory_of_machine(root);
  const auto mount = root / "sys/fs/cgroup";
  std::ifstream stream(root / "proc/self/cgroup");
  // number:controllers:path; no controllers: version 2.
  for (std::string line; std::getline(stream, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const std::filesystem::path group = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, limit_around(mount, group, "memory.max"));
    } else if (controllers == "memory") {
      least = std::min(least, limit_around(mount / "memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::size_t share_of_memory(std::size_t least, std::size_t most) {
  const auto share = std::max<std::uint64_t>(memory_limit() / kShares, least);
  return static_cast<std::size_t>(std::min<std::uint64_t>(share, most));
}

}  // namespace cip::store
