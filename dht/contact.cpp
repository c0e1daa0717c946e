#include "dht/contact.hpp"

#include "base/assert.hpp"

namespace cip::dht {
namespace {
constexpr std::size_t kFirstIndexSize = 64;
}

ContactArena::ContactArena(std::size_t capacity) : capacity_(capacity) {
  CIP_ASSERT(capacity < static_cast<std::uint32_t>(kNoContact));
}

ContactHandle ContactArena::acquire(Endpoint endpoint) {
  const auto known = find(endpoint);
  if (known == kNoContact) return insert(contact_of(endpoint));
  retain(known);
  return known;
}

ContactHandle ContactArena::acquire(const Contact& contact) {
  const auto known = find(contact.endpoint);
  if (known == kNoContact) return insert(contact);
  CIP_ASSERT((*this)[known].id == contact.id);
  retain(known);
  return known;
}

void ContactArena::retain(ContactHandle handle) {
  CIP_ASSERT(entry(handle).references > 0);
  ++entry(handle).references;
}

void ContactArena::release(ContactHandle handle) {
  auto& freed = entry(handle);
  CIP_ASSERT(freed.references > 0);
  if (--freed.references > 0) return;
  erase_index(position_of(freed.contact.endpoint));
  freed.next_free = first_free_;
  first_free_ = static_cast<std::uint32_t>(handle);
  --size_;
}

ContactHandle ContactArena::find(Endpoint endpoint) const {
  return index_.empty() ? kNoContact : index_[position_of(endpoint)].handle;
}

NodeId ContactArena::id_of(Endpoint endpoint) const {
  const auto known = find(endpoint);
  return known == kNoContact ? node_id_of(endpoint) : (*this)[known].id;
}

std::uint32_t ContactArena::references(ContactHandle handle) const {
  const auto i = static_cast<std::uint32_t>(handle);
  return chunks_[i / kChunk][i % kChunk].references;
}

std::size_t ContactArena::memory_bytes() const {
  return chunks_.size() * kChunk * sizeof(Entry) + chunks_.capacity() * sizeof(chunks_[0]) +
         index_.capacity() * sizeof(index_[0]);
}

// Where the endpoint is in the index, or the free place where it would go.
std::size_t ContactArena::position_of(Endpoint endpoint) const {
  std::size_t at = home_of(endpoint);
  while (index_[at].handle != kNoContact && index_[at].endpoint != endpoint) {
    at = (at + 1) & (index_.size() - 1);
  }
  return at;
}

ContactHandle ContactArena::insert(const Contact& contact) {
  if (size_ >= capacity_) return kNoContact;
  if (2 * (size_ + 1) > index_.size()) grow_index();
  const auto handle = take_entry();
  auto& fresh = entry(handle);
  fresh.contact = contact;
  fresh.references = 1;
  index_[position_of(contact.endpoint)] = {contact.endpoint, handle};
  ++size_;
  return handle;
}

ContactHandle ContactArena::take_entry() {
  if (first_free_ != static_cast<std::uint32_t>(kNoContact)) {
    const ContactHandle handle{first_free_};
    first_free_ = entry(handle).next_free;
    return handle;
  }
  if (used_ == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<Entry[]>(kChunk));
  return ContactHandle{static_cast<std::uint32_t>(used_++)};
}

// Knuth's algorithm R: what was pushed past the freed place moves back into it.
void ContactArena::erase_index(std::size_t position) {
  const std::size_t mask = index_.size() - 1;
  std::size_t hole = position;
  for (std::size_t at = (hole + 1) & mask; index_[at].handle != kNoContact; at = (at + 1) & mask) {
    const std::size_t home = home_of(index_[at].endpoint);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    index_[hole] = index_[at];
    hole = at;
  }
  index_[hole] = {};
}

void ContactArena::grow_index() {
  const auto old = std::move(index_);
  index_.assign(old.empty() ? kFirstIndexSize : 2 * old.size(), {});
  for (const auto& place : old) {
    if (place.handle != kNoContact) index_[position_of(place.endpoint)] = place;
  }
}

}  // namespace cip::dht
