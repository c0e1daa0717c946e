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
