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
  // contacts[i] belongs to node i.
  explicit Oracle(const std::vector<dht::Contact>& contacts);

  // The nodes closest to the target, closest first; those in `dead` (by node) are passed over.
  std::vector<NodeIndex> closest(const dht::Target& target, std::size_t count,
                                 const std::vector<bool>& dead) const;

  // Contacts of an ideal table of node `self`: of every bucket all members, or k drawn at random
  // when there are more. Dead nodes are in it: tables know no better.
  std::vector<dht::Contact> ideal_table(NodeIndex self, std::size_t k, Random& random) const;

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
  Range whole() const { return {0, entries_.size()}; }

  std::vector<Entry> entries_;       // ascending by id
  std::vector<std::size_t> places_;  // of node i in entries_
};

}  // namespace cip::simulations
