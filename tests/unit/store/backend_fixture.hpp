#pragma once

// What the tests of a Backend run on. The same tests are linked once with each kind of backend,
// which brings its own make_backend_fixture().

#include <memory>

#include "store/backend.hpp"

namespace cip::test {

class BackendFixture {
 public:
  virtual ~BackendFixture() = default;
  virtual store::Backend& backend() = 0;
  // Closes and opens it again where that means something.
  virtual void reopen() = 0;
};

std::unique_ptr<BackendFixture> make_backend_fixture();

// Any node of any tree; size and hash follow from the index.
store::TreeNode node_at(std::uint64_t tree_index);
// A block of `size` bytes that follow from the index.
Bytes block_at(std::uint64_t index, std::size_t size);

// Blocks start..end-1 of `size` bytes with every node that they complete, as an append commits
// them.
store::CommitOp append_op(store::FeedNumber feed, std::uint64_t start, std::uint64_t end,
                          std::size_t size);
// The head of a feed of that length, with all its roots.
store::FeedHead head_of(std::uint64_t length);
// The page with these bits set, given as numbers within the page.
store::BitfieldPage page_of(std::uint64_t number, std::initializer_list<std::uint64_t> bits);

Bytes32 key_of(std::uint8_t byte);
// A new feed of key `byte` without name or manifest.
store::FeedRecord new_feed(store::Backend& backend, std::uint8_t byte);

}  // namespace cip::test
