#pragma once

// How much memory this process may use, so that caches and buffers of a database fit a small
// machine: a board with little of it, or a service with a limit (MemoryMax= of systemd, a
// container). The least of what the machine has and of what the control groups of the process
// allow (Linux: admin-guide/cgroup-v2, memory.max; cgroup-v1/memory, memory.limit_in_bytes).

#include <cstdint>
#include <filesystem>

namespace cip::store {

// `root`: where proc and sys are. Without an answer there: the largest number.
std::uint64_t memory_limit(const std::filesystem::path& root = "/");

// What one of those who keep much in memory may take of it: a sixteenth, at least `least`, but
// never more than `most`. What is on its way to the disk stands in a queue, in a batch and in up to
// three write buffers.
std::size_t share_of_memory(std::size_t least, std::size_t most);

}  // namespace cip::store
