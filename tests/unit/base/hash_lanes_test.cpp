#include "base/hash_lanes.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "base/crypto.hpp"
#include "base/random.hpp"

using namespace cip;

namespace {

// Hashes inputs of these sizes side by side and one by one.
void check_sizes(const std::vector<std::size_t>& sizes, std::size_t head_size) {
  std::vector<Bytes> bodies;
  Bytes head(head_size, 7);
  std::uint8_t next = 1;
  for (const auto size : sizes) {
    Bytes body(size);
    for (auto& byte : body) byte = next = static_cast<std::uint8_t>(next * 5 + 3 + size);
    bodies.push_back(std::move(body));
  }
  std::vector<HashInput> inputs;
  for (const auto& body : bodies) inputs.push_back({head, body});
  std::vector<Bytes32> out(inputs.size());
  hash_each(inputs, out);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CAPTURE(sizes[i]);
    CHECK(out[i] == hash({head, bodies[i]}));
  }
}

}  // namespace

TEST_CASE("inputs hashed side by side have the hashes that each has alone") {
  for (const std::size_t head : {0, 1, 9, 73, 127, 128}) {
    CAPTURE(head);
    check_sizes({0, 1, 118, 119, 120, 128, 129, 256, 1000, 65536}, head);
    check_sizes({65536, 65536, 65536, 65536}, head);
    check_sizes({5, 70000, 1, 1, 1, 1, 300, 300}, head);
  }
}

TEST_CASE("a single input and none are hashed too") {
  check_sizes({}, 9);
  check_sizes({100}, 9);
  check_sizes({100, 0}, 0);
}

TEST_CASE("every number of equal inputs fills the lanes and leaves none out") {
  for (std::size_t count = 1; count < 14; ++count)
    check_sizes(std::vector<std::size_t>(count, 100), 9);
}
