#include "cli/large_pages.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

namespace cip::cli {
namespace {

constexpr std::uintptr_t kLargePage = 2 << 20;

std::uintptr_t heap_end() { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); }

}  // namespace

void reserve_large_pages(std::uint64_t bytes) {
  ::mallopt(M_MMAP_MAX, 0);         // large arrays come from the heap too
  ::mallopt(M_TRIM_THRESHOLD, -1);  // and what is free stays in it
  const std::uintptr_t begin = (heap_end() + kLargePage - 1) / kLargePage * kLargePage;
  if (bytes > SIZE_MAX) return;
  // volatile: it is allocated though nobody reads it
  void* volatile whole = std::malloc(static_cast<std::size_t>(bytes));
  std::free(whole);
  const std::uintptr_t end = heap_end();
  if (end <= begin) return;
  // A kernel without large pages says no, and nothing changes.
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace cip::cli
