#include "store/bitfield.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace cip::store {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

// Bits [from, to) of a word; to in 1..64.
constexpr std::uint64_t mask(std::uint64_t from, std::uint64_t to) {
  return (kAll << from) & (kAll >> (64 - to));
}

// Calls f(page number, word in page, mask) for every word that [start, end) touches.
template <typename F>
void for_each_word(std::uint64_t start, std::uint64_t end, F f) {
  while (start < end) {
    const auto stop = std::min(end, (start / 64 + 1) * 64);
    f(start / kBitsPerPage, static_cast<std::size_t>(start % kBitsPerPage) / 64,
      mask(start % 64, stop % 64 == 0 ? 64 : stop % 64));
    start = stop;
  }
}

}  // namespace

Bitfield::Bitfield(const std::vector<BitfieldPage>& pages) {
  for (const auto& stored : pages) {
    auto& target = page(stored.number);
    for (std::size_t i = 0; i < kPageBytes; ++i)
      target.words[i / 8] |= std::uint64_t{stored.bits[i]} << (8 * (i % 8));
  }
  for (const auto& slot : slots_)
    for (const auto word : slot.page->words) count_ += static_cast<unsigned>(std::popcount(word));
}

std::size_t Bitfield::slot_of(std::uint64_t number) const {
  if (is_in_place(number)) return static_cast<std::size_t>(number);
  const auto at = std::lower_bound(slots_.begin(), slots_.end(), number,
                                   [](const Slot& slot, auto n) { return slot.number < n; });
  return static_cast<std::size_t>(at - slots_.begin());
}

const Bitfield::Page* Bitfield::search(std::uint64_t number) const {
  const auto slot = slot_of(number);
  return slot < slots_.size() && slots_[slot].number == number ? slots_[slot].page.get() : nullptr;
}

Bitfield::Page& Bitfield::new_page(std::uint64_t number) {
  const auto slot = slot_of(number);
  if (slot == slots_.size() || slots_[slot].number != number)
    slots_.insert(slots_.begin() + static_cast<std::ptrdiff_t>(slot),
                  {number, std::make_unique<Page>()});
  return *slots_[slot].page;
}

void Bitfield::mark(std::uint64_t number, Page& page) {
  if (page.changed) return;
  page.changed = true;
  changed_.push_back(number);
}

bool Bitfield::set(std::uint64_t index) {
  auto& target = page(index / kBitsPerPage);
  auto& word = target.words[word_of(index)];
  const auto bit = std::uint64_t{1} << (index % 64);
  if ((word & bit) != 0) return false;
  word |= bit;
  ++count_;
  mark(index / kBitsPerPage, target);
  return true;
}

void Bitfield::set_range(std::uint64_t start, std::uint64_t end) {
  for_each_word(start, end, [&](auto number, auto word, auto bits) {
    auto& target = page(number);
    const auto fresh = bits & ~target.words[word];
    if (fresh == 0) return;
    target.words[word] |= fresh;
    count_ += static_cast<unsigned>(std::popcount(fresh));
    mark(number, target);
  });
}

void Bitfield::clear_range(std::uint64_t start, std::uint64_t end) {
  // Page by page, since a range may reach far beyond the pages that exist.
  for (auto slot = slot_of(start / kBitsPerPage); slot < slots_.size(); ++slot) {
    const auto number = slots_[slot].number;
    const auto first = number * kBitsPerPage;
    if (first >= end) break;
    auto& target = *slots_[slot].page;
    for_each_word(std::max(start, first), std::min(end, first + kBitsPerPage),
                  [&](auto, auto word, auto bits) {
                    const auto gone = bits & target.words[word];
                    if (gone == 0) return;
                    target.words[word] &= ~gone;
                    count_ -= static_cast<unsigned>(std::popcount(gone));
                    mark(number, target);
                  });
  }
}

std::uint64_t Bitfield::first_set(std::uint64_t from, std::uint64_t end) const {
  for (auto slot = slot_of(from / kBitsPerPage); slot < slots_.size(); ++slot) {
    const auto first = slots_[slot].number * kBitsPerPage;
    if (first >= end) break;
    const auto start = static_cast<std::size_t>(std::max(from, first) - first);
    for (auto word = start / 64; word < kBitsPerPage / 64; ++word) {
      auto bits = slots_[slot].page->words[word];
      if (word == start / 64) bits &= kAll << (start % 64);
      if (bits != 0)
        return std::min(end, first + 64 * word + static_cast<unsigned>(std::countr_zero(bits)));
    }
  }
  return end;
}

std::uint64_t Bitfield::first_unset(std::uint64_t from, std::uint64_t end) const {
  while (from < end) {
    const auto* found = find(from / kBitsPerPage);
    if (found == nullptr) return from;
    const auto word = found->words[word_of(from)] | ~(kAll << (from % 64));
    const auto base = from / 64 * 64;
    if (word != kAll) return std::min(end, base + static_cast<unsigned>(std::countr_one(word)));
    from = base + 64;
  }
  return end;
}

std::uint64_t Bitfield::count(std::uint64_t start, std::uint64_t end) const {
  std::uint64_t sum = 0;
  for (auto slot = slot_of(start / kBitsPerPage); slot < slots_.size(); ++slot) {
    const auto first = slots_[slot].number * kBitsPerPage;
    if (first >= end) break;
    const auto& words = slots_[slot].page->words;
    for_each_word(std::max(start, first), std::min(end, first + kBitsPerPage),
                  [&](auto, auto word, auto bits) {
                    sum += static_cast<unsigned>(std::popcount(bits & words[word]));
                  });
  }
  return sum;
}

std::optional<BitfieldWords> Bitfield::words(std::uint64_t start, std::uint64_t end,
                                             std::uint64_t length) const {
  end = std::min(end, length);
  if (first_set(start, end) >= end) return std::nullopt;
  BitfieldWords out;
  out.start = start / 32 * 32;
  for (auto at = out.start; at < end; at += 32) {
    const auto* found = find(at / kBitsPerPage);
    const auto pair = found == nullptr ? 0 : found->words[word_of(at)];
    auto word = static_cast<std::uint32_t>(pair >> (at % 64));
    if (length - at < 32) word &= (std::uint32_t{1} << (length - at)) - 1;
    out.words.push_back(word);
  }
  return out;
}

std::vector<BitfieldPage> Bitfield::take_changed_pages() {
  std::sort(changed_.begin(), changed_.end());
  std::vector<BitfieldPage> out(changed_.size());
  for (std::size_t i = 0; i < changed_.size(); ++i) {
    auto& source = page(changed_[i]);
    source.changed = false;
    out[i].number = changed_[i];
    static_assert(std::endian::native == std::endian::little);
    std::memcpy(out[i].bits.data(), source.words.data(), kPageBytes);
  }
  changed_.clear();
  return out;
}

}  // namespace cip::store
