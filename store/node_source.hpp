#pragma once

// How planning and verifying look at the verified tree: some nodes are at hand, others would have
// to be read, the rest is not held.

#include <cstdint>

#include "store/tree.hpp"

namespace cip::store {

class NodeSource {
 public:
  virtual ~NodeSource() = default;
  // A verified node that is at hand; nullptr when it would have to be read or is not held. The
  // pointer is good until nodes are added.
  virtual const TreeNode* find(std::uint64_t index) const = 0;
  virtual bool is_held(std::uint64_t index) const = 0;
};

}  // namespace cip::store
