#include "simulations/oracle.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

using namespace cip;
using simulations::NodeIndex;
using simulations::Oracle;

namespace {

std::vector<dht::Contact> contacts(std::uint32_t n) {
  std::vector<dht::Contact> out;
  for (std::uint32_t i = 0; i < n; ++i) out.push_back(dht::contact_of({0x7f000001 + i, 49737}));
  return out;
}

}  // namespace

TEST_CASE("the oracle knows the closest live nodes that a full search finds") {
  const auto all = contacts(300);
  const Oracle oracle(all);
  SeededRandom random{3};
  for (int round = 0; round < 50; ++round) {
    const auto target = random.bytes<32>();
    std::vector<bool> dead(all.size());
    for (std::size_t i = 0; i < dead.size(); ++i) dead[i] = random.below(3) == 0;
    std::vector<NodeIndex> expected;
    for (NodeIndex i = 0; i < all.size(); ++i) {
      if (!dead[i]) expected.push_back(i);
    }
    std::sort(expected.begin(), expected.end(), [&](NodeIndex a, NodeIndex b) {
      return dht::compare_distance(target, all[a].id.bytes, all[b].id.bytes) < 0;
    });
    expected.resize(20);
    CHECK(oracle.closest(target, 20, dead) == expected);
  }
}

TEST_CASE("an ideal table holds whole small buckets and k members of each large one") {
  const auto all = contacts(1000);
  const Oracle oracle(all);
  SeededRandom random{4};
  const std::size_t k = 8;
  for (const NodeIndex self : {0u, 17u, 999u}) {
    std::map<unsigned, std::size_t> population, table;
    for (const auto& contact : all) {
      if (contact.id != all[self].id) ++population[dht::shared_bits(contact.id, all[self].id)];
    }
    const auto ideal = oracle.ideal_table(all[self].id, k, random);
    for (const auto& contact : ideal) ++table[dht::shared_bits(contact.id, all[self].id)];
    for (const auto& [bucket, members] : population) CHECK(table[bucket] == std::min(members, k));
    auto unique = ideal;
    std::sort(unique.begin(), unique.end());
    CHECK(std::unique(unique.begin(), unique.end()) == unique.end());
  }
}

TEST_CASE("shared tables hold the same members of a bucket in all nodes that have it") {
  const auto all = contacts(1000);
  const Oracle oracle(all);
  const std::size_t k = 8;
  const auto first_bit = [](const dht::Contact& contact) { return contact.id.bytes[0] >> 7; };
  const auto far_half = [&](NodeIndex self, std::uint64_t seed) {
    auto table = oracle.shared_table(all[self].id, k, seed);
    std::erase_if(table, [&](const auto& one) { return first_bit(one) == first_bit(all[self]); });
    return table;
  };
  std::vector<NodeIndex> neighbours;
  for (NodeIndex i = 0; i < all.size(); ++i) {
    if (first_bit(all[i]) == first_bit(all[0])) neighbours.push_back(i);
  }
  CHECK(far_half(0, 1).size() == k);
  for (const NodeIndex other : neighbours) CHECK(far_half(other, 1) == far_half(0, 1));
  CHECK(far_half(0, 2) != far_half(0, 1));
}
