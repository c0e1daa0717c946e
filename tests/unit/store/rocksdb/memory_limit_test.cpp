#include "store/rocksdb/memory_limit.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include "tests/unit/store/rocksdb/temp_folder.hpp"

using namespace cip::store;
using cip::test::TempFolder;

namespace {

// proc and sys of a machine of 1 GiB.
struct Machine {
  Machine() { write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:  1 kB\n"); }
  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = folder.path() / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::uint64_t limit() const { return memory_limit(folder.path()); }

  TempFolder folder;
};

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

}  // namespace

TEST_CASE("without control groups a process may use the memory of the machine") {
  const Machine machine;
  CHECK(machine.limit() == 1024 * kMiB);
}

TEST_CASE("where nothing says how much memory there is, there is no limit") {
  const TempFolder folder;
  CHECK(memory_limit(folder.path()) == ~std::uint64_t{0});
}

TEST_CASE("the least limit of a group and of those around it holds") {
  const Machine machine;
  machine.write("proc/self/cgroup", "0::/system.slice/cipnode.service\n");
  machine.write("sys/fs/cgroup/system.slice/cipnode.service/memory.max", "max\n");
  CHECK(machine.limit() == 1024 * kMiB);
  machine.write("sys/fs/cgroup/system.slice/memory.max", "134217728\n");
  CHECK(machine.limit() == 128 * kMiB);
  machine.write("sys/fs/cgroup/system.slice/cipnode.service/memory.max", "67108864\n");
  CHECK(machine.limit() == 64 * kMiB);
}

TEST_CASE("groups of version 1 have a limit as well") {
  const Machine machine;
  machine.write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/small\n0::/\n");
  machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.write("sys/fs/cgroup/memory/small/memory.limit_in_bytes", "67108864\n");
  CHECK(machine.limit() == 64 * kMiB);
}

TEST_CASE("in a container whose groups have the names of the machine outside, the mount counts") {
  const Machine machine;
  machine.write("proc/self/cgroup", "0::/docker/4711\n");
  machine.write("sys/fs/cgroup/memory.max", "67108864\n");
  CHECK(machine.limit() == 64 * kMiB);
}
