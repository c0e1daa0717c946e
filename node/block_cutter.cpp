#include "node/block_cutter.hpp"

#include <algorithm>
#include <utility>

namespace cip::node {

std::vector<Bytes> BlockCutter::feed(ByteView bytes) {
  std::vector<Bytes> out;
  while (!bytes.empty() && !too_large_) {
    std::size_t size = bytes.size();
    bool complete_now = false;
    std::size_t skip = 0;
    if (rule_.lines) {
      const auto newline = std::ranges::find(bytes, std::uint8_t{'\n'});
      size = static_cast<std::size_t>(newline - bytes.begin());
      complete_now = newline != bytes.end();
      skip = complete_now ? 1 : 0;
    } else if (rule_.block_size) {
      size = std::min(size, *rule_.block_size - part_.size());
      complete_now = part_.size() + size == *rule_.block_size;
    }
    take(bytes.first(size));
    bytes = bytes.subspan(size + skip);
    if (complete_now) complete(out);
  }
  return out;
}

std::vector<Bytes> BlockCutter::finish() {
  std::vector<Bytes> out;
  const bool whole = !rule_.lines && !rule_.block_size;
  if (!part_.empty() || whole) complete(out);
  return out;
}

void BlockCutter::take(ByteView bytes) {
  if (bytes.size() > rule_.largest - part_.size()) {
    too_large_ = true;
    return;
  }
  append(part_, bytes);
}

void BlockCutter::complete(std::vector<Bytes>& out) {
  if (!too_large_) out.push_back(std::exchange(part_, {}));
}

}  // namespace cip::node
