#include "node/udx_trial.hpp"

#include <doctest/doctest.h>

#include "tests/unit/node/support.hpp"

using namespace cip;
using namespace cip::node;

TEST_CASE("what one socket of this host sends over a stream comes back from the other") {
  asio::io_context io;
  SeededRandom random(1);
  UdxTrial trial(io, random);
  std::optional<UdxTrial::Result> result;
  trial.start([&](const UdxTrial::Result& said) { result = said; });
  CHECK_FALSE(result);
  REQUIRE(test::run_until(io, [&] { return result.has_value(); }));
  CHECK_FALSE(result->error);
  CHECK(result->took > Duration::zero());
}

TEST_CASE("a trial that goes before its end says nothing") {
  asio::io_context io;
  SeededRandom random(1);
  bool said = false;
  {
    UdxTrial trial(io, random);
    trial.start([&](const UdxTrial::Result&) { said = true; });
    io.poll_one();
  }
  io.poll();
  CHECK_FALSE(said);
}
