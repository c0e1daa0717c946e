#include "simulations/trace.hpp"

#include "base/crypto.hpp"

namespace cip::simulations {

void Trace::add(ByteView bytes) {
  append(page_, bytes);
  if (page_.size() >= kPage) fold();
}

void Trace::add_number(std::uint64_t number) {
  FixedBytes<8> bytes;
  for (auto& byte : bytes) {
    byte = static_cast<std::uint8_t>(number);
    number >>= 8;
  }
  add(bytes);
}

void Trace::fold() {
  chained_ = hash({chained_, page_});
  page_.clear();
}

Bytes32 Trace::digest() const { return hash({chained_, page_}); }

}  // namespace cip::simulations
