#pragma once

// A contact is a node id with an endpoint, as heard; it is unproven until it answers.
//
// ContactArena holds each contact once for all tables that share it (one per daemon, one per
// simulated world). Handles are 32 bits; entries are reference-counted and capped. This is what
// makes a table slot 14 bytes and lets a million nodes fit in one process.

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "dht/node_id.hpp"

namespace cip::dht {

struct Contact {
  NodeId id;
  Endpoint endpoint;

  auto operator<=>(const Contact&) const = default;
};
inline Contact contact_of(Endpoint endpoint) { return {node_id_of(endpoint), endpoint}; }

// Names an entry of one arena. Valid while the holder owns a reference to it.
enum class ContactHandle : std::uint32_t {};
inline constexpr ContactHandle kNoContact{UINT32_MAX};

class ContactArena {
 public:
  // Contacts are interned by endpoint, since the id follows from it. A daemon knows a few thousand
  // at most; a world passes its node count.
  static constexpr std::size_t kDefaultCapacity = 65'536;

  explicit ContactArena(std::size_t capacity = kDefaultCapacity);
  ContactArena(const ContactArena&) = delete;
  ContactArena& operator=(const ContactArena&) = delete;

  // Takes one reference to the contact, making its entry if needed. kNoContact when the arena is
  // full. The second form spares the hash when the id is known; id must be that of the endpoint.
  [[nodiscard]] ContactHandle acquire(Endpoint endpoint);
  [[nodiscard]] ContactHandle acquire(const Contact& contact);
  void retain(ContactHandle handle);
  void release(ContactHandle handle);  // the last release frees the entry

  // The entry of an endpoint without taking a reference, or kNoContact.
  ContactHandle find(Endpoint endpoint) const;
  // The id of an endpoint: from its entry, or hashed.
  NodeId id_of(Endpoint endpoint) const;

  // References stay valid until the entry's last release.
  const Contact& operator[](ContactHandle handle) const {
    const auto i = static_cast<std::uint32_t>(handle);
    return chunks_[i / kChunk][i % kChunk].contact;
  }
  std::uint32_t references(ContactHandle handle) const;
  // Asks the processor for a contact that is looked at soon; for one that is looked up by endpoint,
  // first for its place in the index, and when that has arrived for the contact.
  void prefetch(ContactHandle handle) const { __builtin_prefetch(&(*this)[handle]); }
  void prefetch_index(Endpoint endpoint) const {
    if (!index_.empty()) __builtin_prefetch(&index_[home_of(endpoint)]);
  }
  void prefetch_contact(Endpoint endpoint) const {
    const auto handle = find(endpoint);
    if (handle != kNoContact) prefetch(handle);
  }

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t memory_bytes() const;  // bytes on the heap

 private:
  // Entries never move: references to contacts survive growth.
  static constexpr std::size_t kChunk = 512;
  // One cache line each: in a large world every look at a contact is a miss.
  struct alignas(64) Entry {
    Contact contact;
    std::uint32_t references = 0;
    std::uint32_t next_free = 0;
  };

  Entry& entry(ContactHandle handle) {
    const auto i = static_cast<std::uint32_t>(handle);
    return chunks_[i / kChunk][i % kChunk];
  }
  std::size_t home_of(Endpoint endpoint) const {
    return EndpointHash{}(endpoint) & (index_.size() - 1);
  }
  std::size_t position_of(Endpoint endpoint) const;
  ContactHandle insert(const Contact& contact);
  ContactHandle take_entry();
  void erase_index(std::size_t position);
  void grow_index();

  std::size_t capacity_;
  std::size_t size_ = 0;
  std::size_t used_ = 0;  // entries ever handed out; those below it are live or in the free list
  std::uint32_t first_free_ = UINT32_MAX;
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  // Open addressing with linear probing, a power of two long, at most half full. The endpoints are
  // repeated here so that a search looks at no contact that it passes.
  struct Place {
    Endpoint endpoint;
    ContactHandle handle = kNoContact;
  };
  std::vector<Place> index_;
};

}  // namespace cip::dht
