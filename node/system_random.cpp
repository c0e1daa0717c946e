#include "node/system_random.hpp"

#include <sodium.h>

namespace cip::node {

void SystemRandom::fill(MutableByteView out) { randombytes_buf(out.data(), out.size()); }

}  // namespace cip::node
