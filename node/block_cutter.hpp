#pragma once

// Cuts a byte stream into blocks or messages as it comes (cli.md, `--lines`,
// `--block-size`).

#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace cip::node {

struct CutRule {
  bool lines = false;  // each line is one; the newline is not part of it, a CR is
  std::optional<std::size_t> block_size = {};  // each so many bytes are one; at least 1
  std::size_t largest = SIZE_MAX;              // of one block
};

// Without lines and block size the whole stream is one block, which may be empty.
class BlockCutter {
 public:
  explicit BlockCutter(CutRule rule) : rule_(rule) {}

  // Takes the next bytes and returns the blocks that are complete with them.
  std::vector<Bytes> feed(ByteView bytes);
  // The stream has ended: what is left, a last line without newline included.
  std::vector<Bytes> finish();
  // What came since the last complete block.
  const Bytes& part() const { return part_; }
  // A block grew beyond the largest; nothing more comes out.
  bool is_too_large() const { return too_large_; }

 private:
  void take(ByteView bytes);
  void complete(std::vector<Bytes>& out);

  CutRule rule_;
  Bytes part_;
  bool too_large_ = false;
};

}  // namespace cip::node
