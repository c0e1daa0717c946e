#include "overlay/request_table.hpp"

#include <doctest/doctest.h>

using cip::overlay::InFlight;
using cip::overlay::RequestTable;

namespace {

InFlight block(std::uint64_t index) {
  InFlight request;
  request.block = index;
  return request;
}

}  // namespace

TEST_CASE("ids start at 1 and are used again after the answer") {
  RequestTable table;
  CHECK(table.add(block(10)) == 1);
  CHECK(table.add(block(11)) == 2);
  CHECK(table.answer(1)->block == 10);
  CHECK(table.add(block(12)) == 1);
  CHECK(table.size() == 2);
}

TEST_CASE("answers to ids that are not in use give nothing") {
  RequestTable table;
  CHECK_FALSE(table.answer(0));
  CHECK_FALSE(table.answer(1));
  table.add(block(1));
  CHECK(table.answer(1));
  CHECK_FALSE(table.answer(1));
}

TEST_CASE("a cancelled id rests until a later request was answered") {
  RequestTable table;
  table.add(block(1));
  table.add(block(2));
  table.cancel(2);
  CHECK(table.size() == 1);
  CHECK(table.answer(1));  // sent before the cancelled one: proves nothing
  CHECK(table.add(block(3)) == 1);
  CHECK(table.add(block(4)) == 3);
  CHECK_FALSE(table.answer(2));  // the cancelled answer itself
  CHECK(table.add(block(5)) == 2);
}

TEST_CASE("cancelling all gives back what was under way") {
  RequestTable table;
  table.add(block(1));
  table.add(block(2));
  table.answer(1);
  const auto cancelled = table.cancel_all();
  REQUIRE(cancelled.size() == 1);
  CHECK(cancelled[0].id == 2);
  CHECK(cancelled[0].request.block == 2);
  CHECK(table.empty());
}
