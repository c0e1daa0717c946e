#include "simulations/trace.hpp"

#include <bit>
#include <cstring>

#include "base/crypto.hpp"

namespace cip::simulations {

void Trace::add(ByteView bytes) {
  if (bytes.empty()) return;
  if (page_.size() - filled_ < bytes.size()) page_.resize(filled_ + bytes.size());
  std::memcpy(page_.data() + filled_, bytes.data(), bytes.size());
  filled_ += bytes.size();
  if (filled_ >= kPage) fold();
}

void Trace::add_number(std::uint64_t number) {
  if constexpr (std::endian::native == std::endian::big) number = __builtin_bswap64(number);
  FixedBytes<8> bytes;
  std::memcpy(bytes.data(), &number, sizeof number);
  add(bytes);
}

void Trace::fold() {
  chained_ = digest();
  filled_ = 0;
}

Bytes32 Trace::digest() const { return hash({chained_, ByteView(page_).first(filled_)}); }

}  // namespace cip::simulations
