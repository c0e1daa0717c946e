#include "base/boxed.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace cip;

TEST_CASE("a boxed value is absent or there, copied deep, and moved without a copy") {
  Boxed<std::string> box;
  CHECK_FALSE(box);
  CHECK(box == Boxed<std::string>(std::optional<std::string>()));
  box = std::string("one");
  REQUIRE(box.has_value());
  CHECK(*box == "one");
  auto copy = box;
  copy->append(" more");
  CHECK(*box == "one");
  CHECK_FALSE(copy == box);
  const auto* place = &*copy;
  const auto moved = std::move(copy);
  CHECK(&*moved == place);
  box = Boxed<std::string>();
  CHECK_FALSE(box);
  box.emplace() = "new";
  CHECK(box == Boxed(std::string("new")));
  box.reset();
  CHECK_FALSE(box.has_value());
}
