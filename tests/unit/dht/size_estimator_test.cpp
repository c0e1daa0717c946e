#include "dht/size_estimator.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

using namespace cip;
using namespace cip::dht;

namespace {

constexpr double kTruth = 5'000;
constexpr int kRuns = 1000;

// The k-th distance of a walk in a network of kTruth nodes: a sum of k exponential gaps.
WalkSample draw_walk(Random& random, std::uint32_t k = 20) {
  double sum = 0;
  for (std::uint32_t i = 0; i < k; ++i) sum -= std::log(1 - random.unit());
  return {sum / kTruth, k};
}

std::vector<WalkSample> draw_walks(Random& random, int r) {
  std::vector<WalkSample> out;
  for (int i = 0; i < r; ++i) out.push_back(draw_walk(random));
  return out;
}

// What many estimates of the same truth come to.
struct Judgement {
  double bias = 0;
  double sd = 0;
  double coverage = 0;
};
template <typename Estimate>
Judgement judge(int runs, Estimate estimate) {
  double sum = 0;
  double squares = 0;
  int held = 0;
  for (int i = 0; i < runs; ++i) {
    const SizeEstimate out = estimate();
    sum += out.nodes / kTruth;
    squares += out.nodes / kTruth * out.nodes / kTruth;
    if (out.low <= kTruth && kTruth <= out.high) ++held;
  }
  const double mean = sum / runs;
  return {mean - 1, std::sqrt(squares / runs - mean * mean), double(held) / runs};
}

std::vector<NodeId> random_ids(Random& random, std::size_t n) {
  std::vector<NodeId> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back({random.bytes<32>()});
  return out;
}

}  // namespace

TEST_CASE("distances are fractions of the id space") {
  Bytes32 half{};
  half[0] = 0x80;
  CHECK(distance_fraction({}, half) == 0.5);
  CHECK(distance_fraction(half, half) == 0);
}

TEST_CASE("a walk is judged by the farthest node it ended with") {
  const NodeId near{Bytes32{0x01}};
  const NodeId far{Bytes32{0x40}};
  const auto sample = walk_sample({}, std::vector{far, near});
  REQUIRE(sample);
  CHECK(sample->distance == 0.25);
  CHECK(sample->k == 2);
  CHECK_FALSE(walk_sample({}, std::vector{near}));
}

TEST_CASE("the density estimate is unbiased and its interval holds") {
  SeededRandom random(1);
  for (const int r : {1, 10, 20, 64}) {
    CAPTURE(r);
    const auto all = judge(kRuns, [&] { return *estimate_by_density(draw_walks(random, r)); });
    const double theory = 1 / std::sqrt(20.0 * r - 2);
    CHECK(std::abs(all.bias) < 4 * theory / std::sqrt(kRuns));
    CHECK(all.sd == doctest::Approx(theory).epsilon(0.08));
    CHECK(all.coverage == doctest::Approx(0.95).epsilon(0.025));
  }
}

TEST_CASE("the robust estimate is unbiased and its interval holds") {
  SeededRandom random(2);
  for (const int r : {1, 3, 10, 16, 64}) {
    CAPTURE(r);
    const auto all = judge(kRuns, [&] { return *estimate_by_median(draw_walks(random, r)); });
    const double sd = 1.2533 / std::sqrt(20.0 * r);
    CHECK(std::abs(all.bias) < 0.5 / (20.0 * r) + 4 * sd / std::sqrt(kRuns));
    CHECK(all.sd < 1.1 * sd);
    CHECK(all.coverage > 0.93);
  }
}

TEST_CASE("walks among impostors move the density estimate, not the robust one") {
  SeededRandom random(3);
  auto walks = draw_walks(random, 16);
  const auto before = *estimate_by_density(walks);
  CHECK_FALSE(estimates_disagree(before, *estimate_by_median(walks)));
  for (int i = 0; i < 6; ++i) walks[static_cast<std::size_t>(i)].distance /= 1000;
  const auto density = *estimate_by_density(walks);
  const auto robust = *estimate_by_median(walks);
  CHECK(density.nodes > 1.4 * kTruth);
  CHECK(robust.nodes < 1.3 * kTruth);
  CHECK(estimates_disagree(density, robust));
}

TEST_CASE("missed nodes are made up for by the measured completeness") {
  SeededRandom random(4);
  const auto walks = draw_walks(random, 10);
  const auto whole = *estimate_by_density(walks);
  const auto corrected = *estimate_by_density(walks, 0.8);
  CHECK(corrected.nodes == doctest::Approx(whole.nodes / 0.8));
  CHECK(corrected.high == doctest::Approx(whole.high / 0.8));
  CHECK(estimate_by_median(walks, 0.5)->low == doctest::Approx(2 * estimate_by_median(walks)->low));
}

TEST_CASE("no usable walk gives no estimate") {
  CHECK_FALSE(estimate_by_density({}));
  CHECK_FALSE(estimate_by_median({}));
  const std::vector<WalkSample> broken{{0, 20}, {0.1, 0}};
  CHECK_FALSE(estimate_by_density(broken));
  CHECK_FALSE(estimate_by_median(broken));
}

TEST_CASE("a table that fills up says how large the network is, to about a fifth") {
  SeededRandom random(5);
  const auto all = judge(60, [&] {
    ContactArena arena;
    RoutingTable table({random.bytes<32>()}, arena);
    for (std::uint32_t i = 0; i < kTruth; ++i) {
      table.heard(1, {{random.bytes<32>()}, {0x0a000000 + i, 1}});
    }
    return *estimate_by_buckets(table);
  });
  CHECK(std::abs(all.bias) < 0.1);
  CHECK(all.sd < 0.25);
  CHECK(all.coverage > 0.8);
}

TEST_CASE("a table without a full bucket is counted") {
  SeededRandom random(6);
  ContactArena arena;
  RoutingTable table({random.bytes<32>()}, arena);
  CHECK_FALSE(estimate_by_buckets(table));
  for (std::uint16_t i = 0; i < 12; ++i) table.heard(1, {{random.bytes<32>()}, {0x7f000001, i}});
  const auto estimate = estimate_by_buckets(table);
  REQUIRE(estimate);
  CHECK(estimate->nodes == 12);
  CHECK(estimate->relative_sd == 0);
}

TEST_CASE("a running estimator uses the k closest of its latest 64 walks") {
  SeededRandom random(7);
  SizeEstimator estimator(20);
  CHECK_FALSE(estimator.density());
  const auto nodes = random_ids(random, 2000);
  for (int walk = 0; walk < 100; ++walk) {
    const auto target = random.bytes<32>();
    auto found = nodes;
    std::partial_sort(found.begin(), found.begin() + 25, found.end(), CloserTo(target));
    found.resize(25);
    estimator.add_walk(target, found);
  }
  CHECK(estimator.walks() == SizeEstimator::kMaxSamples);
  CHECK(estimator.density()->nodes == doctest::Approx(2000).epsilon(0.12));
  CHECK(estimator.robust()->nodes == doctest::Approx(2000).epsilon(0.15));
}

TEST_CASE("a repeated walk to one target counts once") {
  SeededRandom random(8);
  SizeEstimator estimator(20);
  const auto target = random.bytes<32>();
  estimator.add_walk(target, random_ids(random, 20));
  estimator.add_walk(target, random_ids(random, 20));
  CHECK(estimator.walks() == 1);
  estimator.add_walk(random.bytes<32>(), random_ids(random, 20));
  CHECK(estimator.walks() == 2);
}

TEST_CASE("a network smaller than k is counted, not estimated") {
  SeededRandom random(9);
  SizeEstimator estimator(20);
  estimator.add_walk(random.bytes<32>(), random_ids(random, 7));
  CHECK(estimator.density()->nodes == 7);
  CHECK(estimator.robust()->high == 7);
  estimator.add_walk(random.bytes<32>(), random_ids(random, 20));
  CHECK(estimator.density()->relative_sd > 0);
}
