#include "overlay/remote_blocks.hpp"

#include <algorithm>

#include "store/flat_tree.hpp"

namespace cip::overlay {
namespace {

std::uint64_t end_of(std::uint64_t start, std::uint64_t length) {
  const auto first = std::min(start, store::kMaxLength);
  return first + std::min(length, store::kMaxLength - first);
}

}  // namespace

std::uint64_t RemoteBlocks::first(std::uint64_t from, std::uint64_t end) const {
  while (from < end) {
    if (from >= contiguous_) from = bits_.first_set(from, end);
    if (from >= end || !refused_.get(from)) break;
    ++from;
  }
  return std::min(from, end);
}

std::uint64_t RemoteBlocks::first_missing(std::uint64_t from, std::uint64_t end) const {
  const auto start = std::max(from, contiguous_);
  const auto missing = start < end ? bits_.first_unset(start, end) : end;
  return from < end ? refused_.first_set(from, std::max(from, missing)) : end;
}

void RemoteBlocks::add(std::uint64_t start, std::uint64_t length) {
  const auto end = end_of(start, length);
  if (start >= end) return;
  if (refused_.count() > 0) refused_.clear_range(start, end);
  if (start <= contiguous_) {
    contiguous_ = std::max(contiguous_, end);
  } else {
    set_bits(start, end);
  }
}

void RemoteBlocks::drop(std::uint64_t start, std::uint64_t length) {
  const auto end = end_of(start, length);
  if (start >= end) return;
  // Beyond a dropped range inside the gap-free part the blocks are still there.
  const auto old = contiguous_;
  cut_contiguous(start);
  if (old > end) set_bits(end, old);
  bits_.clear_range(start, end);
}

void RemoteBlocks::set_words(const store::BitfieldWords& message) {
  const auto end = end_of(message.start, 32 * message.words.size());
  cut_contiguous(message.start);
  if (refused_.count() > 0) refused_.clear_range(message.start, end);
  bits_.clear_range(message.start, end);
  for (std::size_t k = 0; k < message.words.size(); ++k) {
    const auto word = message.words[k];
    const auto start = message.start + 32 * k;
    if (word == 0 || start >= end || !may_set(start)) continue;
    if (word == 0xffffffff) {
      bits_.set_range(start, start + 32);
      continue;
    }
    for (unsigned bit = 0; bit < 32; ++bit) {
      if (((word >> bit) & 1) != 0) bits_.set(start + bit);
    }
  }
  // A bitfield that continues the gap-free part makes it longer again.
  if (message.start <= contiguous_) contiguous_ = bits_.first_unset(contiguous_, end);
}

void RemoteBlocks::truncate(std::uint64_t length) {
  contiguous_ = std::min(contiguous_, length);
  bits_.clear_range(length, store::kMaxLength);
}

void RemoteBlocks::cut_contiguous(std::uint64_t start) {
  contiguous_ = std::min(contiguous_, start);
}

// Sets page by page, as far as the bound on pages allows.
void RemoteBlocks::set_bits(std::uint64_t start, std::uint64_t end) {
  while (start < end) {
    const auto page_end = std::min(end, (start / store::kBitsPerPage + 1) * store::kBitsPerPage);
    if (!may_set(start)) return;
    bits_.set_range(start, page_end);
    start = page_end;
  }
}

// Whether the page of `index` holds bits already or may be begun.
bool RemoteBlocks::may_set(std::uint64_t index) {
  const auto page_start = index / store::kBitsPerPage * store::kBitsPerPage;
  const auto page_end = page_start + store::kBitsPerPage;
  if (bits_.first_set(page_start, page_end) < page_end) return true;
  if (pages_ >= kMaxRemotePages) return false;
  ++pages_;
  return true;
}

}  // namespace cip::overlay
