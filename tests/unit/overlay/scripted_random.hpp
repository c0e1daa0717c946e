#pragma once

// Randomness that tests choose: given bytes first, then a reproducible stream.

#include <algorithm>

#include "base/random.hpp"

namespace cip::test {

class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(Bytes script) : script_(std::move(script)), rest_(1) {}

  void fill(MutableByteView out) override {
    const auto n = std::min(out.size(), script_.size() - used_);
    std::copy_n(script_.begin() + static_cast<std::ptrdiff_t>(used_), n, out.begin());
    used_ += n;
    rest_.fill(out.subspan(n));
  }

 private:
  Bytes script_;
  std::size_t used_ = 0;
  SeededRandom rest_;
};

}  // namespace cip::test
