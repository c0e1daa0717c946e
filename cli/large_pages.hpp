#pragma once

#include <cstdint>

namespace cip::cli {

// The next `bytes` that the main thread puts on its heap lie in large pages (2 MiB), where the
// kernel lets programs ask for them. A world of many nodes is looked at in no order at all: with
// small pages the processor spends an eighth of its time on looking up addresses. Nothing is used
// before it is needed; other threads have heaps of their own, which stay as they are.
void reserve_large_pages(std::uint64_t bytes);

}  // namespace cip::cli
