#pragma once

// What a simulated network looks like from above: all contacts ordered by id. It answers what no
// node can know: who is truly closest, and which contacts an ideal routing table would hold.

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "dht/contact.hpp"
#include "simulations/event_queue.hpp"

namespace cip::simulations {

class Oracle {
 public:
  // contacts[i] belongs to node i; those in `hidden` (by node; empty: none) are left out, since
  // nobody can reach them.
  explicit Oracle(const std::vector<dht::Contact>& contacts, const std::vector<bool>& hidden = {});

  // The nodes closest to the target, closest first; those in `dead` (by node) are passed over.
  std::vector<NodeIndex> closest(const dht::Target& target, std::size_t count,
                                 const std::vector<bool>& dead) const;

  // Contacts of an ideal table of the node with this id: of every bucket all members, or k drawn at
  // random when there are more. Dead nodes are in it: tables know no better.
  std::vector<dht::Contact> ideal_table(const dht::NodeId& self, std::size_t k,
                                        Random& random) const;
  // The same, but all nodes hold the same k of a bucket that has more: which ones follows from the
  // seed. Different paths then lead through the same nodes.
  std::vector<dht::Contact> shared_table(const dht::NodeId& self, std::size_t k,
                                         std::uint64_t seed) const;

  // Nodes in the order of their ids, hidden ones left out.
  std::size_t size() const { return entries_.size(); }
  NodeIndex node_at(std::size_t place) const { return entries_[place].node; }
  // The first place whose id is not below `id`; size() when there is none.
  std::size_t place_of(const Bytes32& id) const;

 private:
  struct Entry {
    dht::Contact contact;
    NodeIndex node;
  };
  struct Range {
    std::size_t begin;
    std::size_t end;
    std::size_t size() const { return end - begin; }
  };
  // The part of `range`, all of whose ids share `bits` bits with `id`, that shares one more; the
  // rest of it differs in that bit.
  struct Split {
    Range same;
    Range other;
  };
  Split split(Range range, const Bytes32& id, unsigned bits) const;
  // `random_of` gives what the members of a bucket are drawn with.
  template <typename RandomOf>
  std::vector<dht::Contact> table_of(const dht::NodeId& self, std::size_t k,
                                     RandomOf&& random_of) const;
  Range whole() const { return {0, entries_.size()}; }

  std::vector<Entry> entries_;  // ascending by id
};

}  // namespace cip::simulations
