#include "store/rocksdb/run_codec.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/codec.hpp"

namespace cip::store {

namespace {

constexpr std::uint8_t kManyBlocks = 1;
constexpr std::size_t kHashBytes = 32;

void put_big_endian(std::uint8_t* out, std::uint64_t value, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    out[i] = static_cast<std::uint8_t>(value >> (8 * (n - 1 - i)));
}
std::uint64_t big_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (const auto byte : bytes) value = value << 8 | byte;
  return value;
}

// Bytes that hold every size up to `size`.
std::size_t width_of(std::uint64_t size) {
  std::size_t width = 1;
  while (width < 8 && size >> (8 * width) != 0) ++width;
  return width;
}

std::size_t u16_at(ByteView bytes, std::size_t i) {
  return static_cast<std::size_t>(bytes[2 * i] | bytes[2 * i + 1] << 8);
}

class BlockRunHead {
 public:
  explicit BlockRunHead(std::size_t count) : out_(3 + 2 * count) {
    out_.u8(kManyBlocks);
    out_.u16(static_cast<std::uint16_t>(count));
  }
  void add(std::size_t size) {
    end_ += size;
    CIP_ASSERT(end_ <= kMaxRunBytes);
    out_.u16(static_cast<std::uint16_t>(end_));
  }
  Bytes take() { return out_.take(); }

 private:
  Writer out_;
  std::size_t end_ = 0;
};

}  // namespace

RunKey run_key(FeedNumber feed, std::uint64_t last) {
  RunKey key;
  put_big_endian(key.data(), feed, 4);
  put_big_endian(key.data() + 4, last, 8);
  return key;
}

std::optional<RunPlace> decode_run_key(ByteView key) {
  if (key.size() != RunKey{}.size()) return std::nullopt;
  return RunPlace{static_cast<FeedNumber>(big_endian(key.first(4))), big_endian(key.subspan(4))};
}

FeedPrefix feed_prefix(FeedNumber feed) {
  FeedPrefix prefix;
  put_big_endian(prefix.data(), feed, 4);
  return prefix;
}

Bytes encode_node_run(std::span<const PlacedNode> nodes) {
  CIP_ASSERT(!nodes.empty());
  std::uint64_t largest = 0;
  for (const auto& placed : nodes) largest = std::max(largest, placed.node->size);
  const auto width = width_of(largest);
  Bytes out(1 + nodes.size() * (width + kHashBytes));
  out[0] = static_cast<std::uint8_t>(width);
  auto* at = out.data() + 1;
  for (const auto& placed : nodes) {
    for (std::size_t i = 0; i < width; ++i) {
      *at++ = static_cast<std::uint8_t>(placed.node->size >> (8 * i));
    }
    std::memcpy(at, placed.node->hash.data(), kHashBytes);
    at += kHashBytes;
  }
  return out;
}

std::size_t node_run_length(std::span<const PlacedNode> nodes) {
  std::size_t n = 0;
  std::size_t width = 1;
  for (; n < nodes.size(); ++n) {
    if (n > 0 && nodes[n].position != nodes[n - 1].position + 1) break;
    width = std::max(width, width_of(nodes[n].node->size));
    if (1 + (n + 1) * (width + kHashBytes) > kMaxRunBytes) break;
  }
  return n;
}

Bytes encode_block_run_head(std::span<const StoredBlock> blocks) {
  CIP_ASSERT(!blocks.empty());
  if (blocks.front().value.size() >= kStandaloneBlockBytes) return {kOneBlock};
  BlockRunHead head(blocks.size());
  for (const auto& block : blocks) head.add(block.value.size());
  return head.take();
}

std::size_t block_run_length(std::span<const StoredBlock> blocks) {
  if (blocks.front().value.size() >= kStandaloneBlockBytes) return 1;
  std::size_t n = 0;
  std::size_t bytes = 3;
  for (; n < std::min(blocks.size(), kMaxRunBlocks); ++n) {
    const auto size = blocks[n].value.size();
    if (n > 0 && blocks[n].index != blocks[n - 1].index + 1) break;
    bytes += 2 + size;
    if (size >= kStandaloneBlockBytes || bytes > kMaxRunBytes) break;
  }
  return n;
}

std::optional<NodeRunView> NodeRunView::open(ByteView value) {
  if (value.empty() || value[0] < 1 || value[0] > 8) return std::nullopt;
  NodeRunView run;
  run.width_ = value[0];
  run.entries_ = value.subspan(1);
  run.count_ = run.entries_.size() / run.entry_bytes();
  if (run.count_ == 0 || run.count_ * run.entry_bytes() != run.entries_.size()) return std::nullopt;
  return run;
}

TreeNode NodeRunView::at(std::size_t i, std::uint64_t tree_index) const {
  CIP_ASSERT(i < count_);
  const auto entry = entries_.subspan(i * entry_bytes(), entry_bytes());
  TreeNode node;
  node.index = tree_index;
  node.size = 0;
  for (std::size_t b = 0; b < width_; ++b) node.size |= std::uint64_t{entry[b]} << (8 * b);
  node.hash = first_bytes<kHashBytes>(entry.subspan(width_));
  return node;
}

Bytes NodeRunView::slice(std::size_t first, std::size_t n) const {
  CIP_ASSERT(n > 0 && first + n <= count_);
  Bytes out{static_cast<std::uint8_t>(width_)};
  append(out, entries_.subspan(first * entry_bytes(), n * entry_bytes()));
  return out;
}

std::optional<BlockRunView> BlockRunView::open(ByteView value) {
  BlockRunView run;
  if (!value.empty() && value[0] == kOneBlock) {
    run.count_ = 1;
    run.bytes_ = value.subspan(1);
    return run;
  }
  if (value.size() < 3 || value[0] != kManyBlocks) return std::nullopt;
  run.count_ = u16_at(value.subspan(1), 0);
  if (run.count_ == 0 || value.size() < 3 + 2 * run.count_) return std::nullopt;
  run.offsets_ = value.subspan(3, 2 * run.count_);
  run.bytes_ = value.subspan(3 + 2 * run.count_);
  for (std::size_t i = 1; i < run.count_; ++i) {
    if (run.end_offset(i) < run.end_offset(i - 1)) return std::nullopt;
  }
  if (run.end_offset(run.count_ - 1) != run.bytes_.size()) return std::nullopt;
  return run;
}

std::size_t BlockRunView::end_offset(std::size_t i) const {
  return offsets_.empty() ? bytes_.size() : u16_at(offsets_, i);
}

ByteView BlockRunView::at(std::size_t i) const {
  CIP_ASSERT(i < count_);
  const auto begin = i == 0 ? 0 : end_offset(i - 1);
  return bytes_.subspan(begin, end_offset(i) - begin);
}

Bytes BlockRunView::slice(std::size_t first, std::size_t n) const {
  CIP_ASSERT(n > 0 && first + n <= count_);
  BlockRunHead head(n);
  for (auto i = first; i < first + n; ++i) head.add(at(i).size());
  auto out = head.take();
  for (auto i = first; i < first + n; ++i) append(out, at(i));
  return out;
}

}  // namespace cip::store
