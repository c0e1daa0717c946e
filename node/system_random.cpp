#include "node/system_random.hpp"

#include <sodium.h>

#include <cstring>

namespace cip::node {

SystemRandom::~SystemRandom() { sodium_memzero(page_.data(), page_.size()); }

void SystemRandom::fill(MutableByteView out) {
  if (out.size() > kLargest) return randombytes_buf(out.data(), out.size());
  if (page_.size() - used_ < out.size()) {
    randombytes_buf(page_.data(), page_.size());
    used_ = 0;
  }
  if (out.empty()) return;
  std::memcpy(out.data(), &page_[used_], out.size());
  sodium_memzero(&page_[used_], out.size());
  used_ += out.size();
}

}  // namespace cip::node
