// Walks among attackers that answer with each other (dht.md 20, 4).

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "dht/signatures.hpp"
#include "tests/abuse/attack_network.hpp"
#include "tests/abuse/both_ways.hpp"

using namespace cip;
using namespace cip::dht;
using namespace cip::test;

namespace {

constexpr std::size_t kHonest = 600;

// Attackers with uniform ids: each in a network of its own.
std::vector<Endpoint> uniform_attackers(std::size_t count) {
  std::vector<Endpoint> out;
  for (std::uint32_t i = 0; i < count; ++i) out.push_back({0x0b008001 + (i << 16), 5000});
  return out;
}

// Share of lookups whose 20 best answers hold an honest one of the true 20 closest.
double success_among_uniform(double share, unsigned lookups) {
  const auto count = static_cast<std::size_t>(share / (1 - share) * static_cast<double>(kHonest));
  AttackNetwork net(kHonest, 7, {}, uniform_attackers(count));
  unsigned good = 0;
  for (unsigned i = 0; i < lookups; ++i) {
    const auto from = static_cast<std::size_t>(net.random().below(net.size()));
    const Target target = net.random().bytes<32>();
    const auto result =
        net.query(from, [&](Node& node, Now now) { return node.find_node(now, target); });
    const auto truth = net.closest_honest(target, 20, from);
    good += std::any_of(result.done.closest.begin(), result.done.closest.end(),
                        [&](const Contact& found) {
                          return std::find(truth.begin(), truth.end(), found) != truth.end();
                        });
  }
  return static_cast<double>(good) / lookups;
}

// Every port of a /24, with its id: what an attacker has to choose from when it grinds.
const std::vector<Contact>& ground_pool() {
  static const auto pool = [] {
    std::vector<Contact> out;
    for (std::uint32_t host = 1; host <= 4; ++host) {
      for (std::uint16_t port = 1024; port < 61'024; ++port) {
        out.push_back(contact_of({0x06060600 + host, port}));
      }
    }
    return out;
  }();
  return pool;
}

// The ports of that /24 whose ids are closest to the target.
std::vector<Endpoint> ground_attackers(const Target& target, std::size_t count) {
  std::vector<std::pair<std::uint64_t, Endpoint>> ranked;
  for (const auto& contact : ground_pool()) {
    ranked.emplace_back(distance_prefix(target, contact.id.bytes), contact.endpoint);
  }
  std::nth_element(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count),
                   ranked.end());
  std::vector<Endpoint> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(ranked[i].second);
  return out;
}

// One port of each of 1,000 addresses in as many /16s, of 1,000 ports the one closest to the
// target.
std::vector<Endpoint> attackers_of_many_networks(const Target& target, std::size_t count) {
  std::vector<Endpoint> out;
  for (std::uint32_t network = 0; network < count; ++network) {
    std::pair<std::uint64_t, Endpoint> best{UINT64_MAX, {}};
    for (std::uint16_t port = 1024; port < 2024; ++port) {
      const Endpoint at{0x0b008001 + (network << 16), port};
      best = std::min(best, {distance_prefix(target, contact_of(at).id.bytes), at});
    }
    out.push_back(best.second);
  }
  return out;
}

// Share of values that one honest node put and another one got while such attackers are around the
// hash. Both know from some walks how large the network is.
double values_found_behind_many_networks(std::size_t count, unsigned values, Defences defences) {
  AttackNetwork net(kHonest, 13, defences);
  const auto look_around = [&](std::size_t node) {
    for (int i = 0; i < 6; ++i) {
      net.query(node, [&](Node& machine, Now now) {
        return machine.find_node(now, net.random().bytes<32>());
      });
    }
  };
  unsigned found = 0;
  for (unsigned i = 0; i < values; ++i) {
    const auto value = to_bytes(net.random().bytes<32>());
    const auto target = target_of_value(value);
    const auto writer = static_cast<std::size_t>(net.random().below(net.size()));
    const auto reader = (writer + 1 + net.random().below(net.size() - 1)) % net.size();
    for (const auto node : {writer, reader}) look_around(node);
    net.add_attackers_around(attackers_of_many_networks(target, count), target);
    net.query(writer, [&](Node& node, Now now) { return *node.put_immutable(now, value); });
    found += net.query(reader, [&](Node& node, Now now) { return node.get_immutable(now, target); })
                 .value;
    net.remove_attackers();
  }
  return static_cast<double>(found) / values;
}

// Share of values that one honest node put and another one got, each behind its own attack.
double values_found_behind_ground_ports(double share, unsigned values, Defences defences) {
  AttackNetwork net(kHonest, 11, defences);
  unsigned found = 0;
  for (unsigned i = 0; i < values; ++i) {
    const auto value = to_bytes(net.random().bytes<32>());
    const auto target = target_of_value(value);
    const auto count = static_cast<std::size_t>(share / (1 - share) * static_cast<double>(kHonest));
    if (count > 0) net.add_attackers_around(ground_attackers(target, count), target);
    const auto writer = static_cast<std::size_t>(net.random().below(net.size()));
    const auto reader = (writer + 1 + net.random().below(net.size() - 1)) % net.size();
    net.query(writer, [&](Node& node, Now now) { return *node.put_immutable(now, value); });
    found += net.query(reader, [&](Node& node, Now now) { return node.get_immutable(now, target); })
                 .value;
    net.remove_attackers();
  }
  return static_cast<double>(found) / values;
}

}  // namespace

TEST_CASE("among 20 % of attackers with uniform ids lookups reach the honest closest") {
  const auto success = success_among_uniform(0.2, 200);
  MESSAGE("A, 20 %: " << success);
  CHECK(success >= 0.99);
}

TEST_CASE("values are found though 20 % of the nodes are ports of one /24 around their hash") {
  const auto success = values_found_behind_ground_ports(0.2, 100, {});
  MESSAGE("B, 20 %: " << success);
  CHECK(success >= 0.99);
}

TEST_CASE("without puts to further networks a /24 around a hash hides its value") {
  auto defences = without(&Defences::spread_walks);
  const auto undefended = values_found_behind_ground_ports(0.2, 20, defences);
  MESSAGE("B, 20 %, without: " << undefended);
  CHECK(undefended <= 0.5);
}

TEST_CASE("1,000 addresses in distinct /16s around a hash") {
  const auto defended = values_found_behind_many_networks(1000, 20, {});
  const auto undefended =
      values_found_behind_many_networks(1000, 20, without(&Defences::doubt_density));
  MESSAGE("C, 1,000 addresses: " << defended << ", without doubting density: " << undefended);
  CHECK(undefended <= 0.2);
  CHECK(defended >= 0.9);
}

TEST_CASE("the curve from none to half of the nodes") {
  for (const double share : {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}) {
    const auto count = static_cast<std::size_t>(share / (1 - share) * static_cast<double>(kHonest));
    const auto a = success_among_uniform(share, 50);
    const auto b = values_found_behind_ground_ports(share, 20, {});
    const auto c = values_found_behind_many_networks(count, 20, {});
    MESSAGE("attackers " << share << ": A " << a << ", B " << b << ", C " << c);
    CHECK(a >= 0.9);
    CHECK(b >= 0.9);
    CHECK(c >= 0.9);
  }
}
